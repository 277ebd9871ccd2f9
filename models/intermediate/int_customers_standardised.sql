with

customers as (

    select * from {{ ref('int_customers_imputed') }}

),

scalers as (

    select * from {{ ref('int_scalers') }}

),

standardised as (

    select
        scalers.segmentation,
        customers.customer_id,

        customers.is_imputed,
        {%- for feature in var('features') %}
        (customers.{{ feature.name }} - scalers.{{ feature.name }}_center)
        / scalers.{{ feature.name }}_scale as {{ feature.name }}_scaled
        {{- ',' if not loop.last }}
        {%- endfor %}

    from customers

    cross join scalers

)

select * from standardised

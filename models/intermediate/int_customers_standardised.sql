with

customers as (

    select * from {{ ref('int_customers_imputed') }}

),

scalers as (

    select
        segmentation,
        {%- for feature in var('features') %}
        max(case when feature = '{{ feature.name }}' then center end)
            as {{ feature.name }}_center,
        max(case when feature = '{{ feature.name }}' then scale end)
            as {{ feature.name }}_scale{{ ',' if not loop.last }}
        {%- endfor %}

    from {{ ref('int_scaler_parameters') }}

    group by segmentation

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

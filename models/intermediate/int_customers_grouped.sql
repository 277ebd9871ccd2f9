with

customers as (

    select * from {{ ref('int_customers_checked') }}

    where is_accepted

),

grouped as (

    select
        gender,
        {%- for feature in var('features') %}
        {{ on_grid(feature, feature.name) }} as {{ feature.name }},
        {%- endfor %}

        count(*) as n_customers

    from customers

    group by
        gender,
        {%- for feature in var('features') %}
        {{ on_grid(feature, feature.name) }}{{ ',' if not loop.last }}
        {%- endfor %}

)

select * from grouped

with

customers as (

    select * from {{ ref('int_customers_checked') }}

    where is_accepted

),

medians as (

    select
        {%- for feature in var('features') %}
        max(case when feature = '{{ feature.name }}' then median end)
            as {{ feature.name }}{{ ',' if not loop.last }}
        {%- endfor %}

    from {{ ref('int_feature_statistics') }}

),

imputed as (

    select
        customers.source_row,
        customers.customer_id,
        customers.gender,

        {% for feature in var('features') -%}
        coalesce(customers.{{ feature.name }}, medians.{{ feature.name }})
            as {{ feature.name }},
        {% endfor %}
        {% for feature in var('features') -%}
        customers.{{ feature.name }} is null as is_{{ feature.name }}_imputed,
        {% endfor %}
        {% for feature in var('features') -%}
        customers.{{ feature.name }} is null {{ 'or ' if not loop.last }}
        {%- endfor %} as is_imputed

    from customers

    cross join medians

)

select * from imputed

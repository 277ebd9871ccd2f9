{%- set features = checked_columns(all_features()) -%}
{%- set own = customer_features() | map(attribute='name') | list -%}

with

own_customers as (

    select * from {{ ref('stg_mall__customers') }}

),

duplicates as (

    select * from {{ ref('int_duplicate_customer_ids') }}

),
{%- if has_orders() %}

orders as (

    select * from {{ ref('int_customer_orders') }}

),
{%- endif %}

customers as (

    select
        own_customers.*
        {%- for feature in features if feature.name not in own %},
        orders.{{ feature.name }},
        orders.{{ feature.name }} is null as {{ feature.name }}_is_missing
        {%- endfor %}

    from own_customers
    {%- if has_orders() %}

    left join orders
        on own_customers.customer_id = orders.customer_id
    {%- endif %}

)

{{ checking(features, 'customers', 'duplicates', var('missing_values')) }}

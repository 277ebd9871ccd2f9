{#-
Canonical customers where there are orders: the customers' own rows with what their
orders say, or, where only orders are given, one row per customer of the orders.
-#}
{{ config(enabled=has_orders(), materialized='view') }}

with

customer_orders as (

    select * from {{ ref('int_customer_orders') }}

    where has_orders

),
{%- if has_customers() %}

customers as (

    select * from {{ ref('stg_mall__customers') }}

),

joined as (

    select
        customers.*,

        {%- for name in order_feature_columns() %}
        customer_orders.{{ name }},
        {%- endfor %}
        {%- for name in order_feature_columns() %}
        {{ dbt.cast('customer_orders.' ~ name, dbt.type_string()) }}
            as {{ name }}_text,
        {%- endfor %}
        customer_orders.customer_id is not null as has_orders

    from customers

    left join customer_orders
        on customers.customer_id = customer_orders.customer_id

)
{%- else %}

joined as (

    select
        cast(
            row_number() over (order by customer_id) as bigint
        ) as source_row,
        customer_id,

        {%- for name in order_feature_columns() %}
        {{ name }},
        {%- endfor %}
        {%- for name in order_feature_columns() %}
        {{ dbt.cast(name, dbt.type_string()) }} as {{ name }}_text,
        {%- endfor %}
        true as has_orders

    from customer_orders

)
{%- endif %}

select * from joined

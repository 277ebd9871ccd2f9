{#-
Canonical customers where there are orders: the customers' own rows with what their
orders say, or, where only orders are given, one row per customer of the orders.
-#}
{{ config(enabled=has_orders(), materialized='view') }}
{%- set features = listed('orders_features') %}

with

customer_orders as (

    select * from {{ ref('int_customer_orders') }}

    where has_orders

),

customers as (
    {%- if has_customers() %}

    select * from {{ ref('stg_mall__customers') }}
    {%- else %}

    select
        cast(row_number() over (order by customer_id) as bigint) as source_row,
        customer_id,
        false as is_conflict_marker,
        false as has_surplus_cells,
        false as is_repeated_header

    from customer_orders
    {%- endif %}

)

select
    customers.*
    {%- for feature in features %},
    -- Who returned more than was bought has spent nothing.
    case when customer_orders.{{ feature.name }} < 0 then 0 else customer_orders.{{ feature.name }} end as {{ feature.name }},
    cast(customer_orders.{{ feature.name }} as {{ dbt.type_string() }}) as {{ feature.name }}_text,
    customer_orders.{{ feature.name }} is null as {{ feature.name }}_is_missing
    {%- endfor %}

from customers

left join customer_orders
    on customers.customer_id = customer_orders.customer_id

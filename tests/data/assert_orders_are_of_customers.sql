{{ config(enabled=has_orders() and has_customers()) }}
-- Where customers and orders are both given, at least one customer has both:
-- else their ids are written in two ways.
with

counted as (

    select count(*) as n_customers

    from {{ ref('int_customer_orders') }} as customer_orders

    inner join {{ ref('stg_mall__customers') }} as customers
        on customer_orders.customer_id = customers.customer_id

)

select * from counted

where n_customers = 0

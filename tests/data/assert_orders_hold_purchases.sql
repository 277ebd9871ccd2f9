{{ config(enabled=has_orders()) }}
-- A shop whose order numbers all begin like cancellations sets
-- `orders.cancellation_prefix` to null; orders of which none is accepted have
-- the reasons in fct_rejected_orders.
with

counted as (

    select count(*) as n_customers from {{ ref('int_customer_orders') }}

    where n_orders > 0

)

select * from counted

where n_customers = 0

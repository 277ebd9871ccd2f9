{{ config(enabled=has_orders() and has_customers()) }}
-- Where customers and orders are both given, at least one customer has both: else
-- their ids are written in two ways.
with

counted as (

    select count(*) as n_customers from {{ ref('int_customers_with_orders') }}

    where has_orders

)

select * from counted

where n_customers = 0

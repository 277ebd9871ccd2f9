{{ config(enabled=has_orders(), materialized='table') }}

with

customers as (

    select
        n_purchase_days,
        mean_purchase_value,

        -- Steps of 2 %, which spending habits never are as sharp as.
        cast(floor(ln(mean_purchase_value) * 50) as integer) as value_step

    from {{ ref('int_customer_histories') }}

    where mean_purchase_value > 0

)

select
    n_purchase_days,
    value_step,

    -- Of decimals, so that no order of the customers changes a digit.
    cast(sum(cast(mean_purchase_value as decimal(18, 4))) as double) / count(*)
        as mean_purchase_value,
    count(*) as n_customers

from customers

group by
    n_purchase_days,
    value_step

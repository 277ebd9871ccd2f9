{{ config(enabled=has_orders(), materialized='table') }}

select
    period_days,
    n_repeats,
    last_purchase_period,
    age_periods,

    count(*) as n_customers

from {{ ref('int_customer_histories') }}

group by
    period_days,
    n_repeats,
    last_purchase_period,
    age_periods

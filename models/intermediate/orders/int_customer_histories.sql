{{ config(enabled=has_orders(), materialized='view') }}

with

customers as (

    select * from {{ ref('int_customer_orders') }}

    where n_orders > 0

),

-- Weeks, or longer periods where orders span more than two years: some thousand
-- histories then stand for any number of customers.
periods as (

    select
        cast(
            greatest(7, cast(ceil(max(tenure_days) / 104) as integer)) as double
        ) as period_days

    from customers

)

select
    customers.customer_id,

    periods.period_days,
    cast(customers.n_purchase_days - 1 as integer) as n_repeats,
    cast(floor(
        customers.tenure_days / periods.period_days + 0.5
    ) as integer) as age_periods,
    -- Not later than the age, which is counted to the day after the last order.
    cast(floor(
        {{ dbt.datediff(
            'customers.first_ordered_on', 'customers.last_ordered_on', 'day'
        ) }} / periods.period_days + 0.5
    ) as integer) as last_purchase_period,

    customers.n_purchase_days,
    customers.purchase_value / customers.n_purchase_days
        as mean_purchase_value

from customers

cross join periods

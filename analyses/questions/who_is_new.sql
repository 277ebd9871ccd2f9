with

customers as (

    select * from {{ ref('fct_customer_rfm') }}

    where rfm_segment in ('New customers', 'Promising')

)

select
    customer_id,
    rfm_segment,
    tenure_days,
    n_orders,
    round(total_spend, 2) as total_spend,
    round(expected_value_12m, 2) as expected_value_12m

from customers

order by
    tenure_days asc,
    customer_id asc

limit 10

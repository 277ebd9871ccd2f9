with

customers as (

    select * from {{ ref('fct_customer_rfm') }}

    where rfm_segment in ('Hibernating', 'Lost', 'About to sleep')

)

select
    customer_id,
    rfm_segment,
    recency_days,
    n_orders,
    round(total_spend, 2) as total_spend,
    round(alive_probability, 3) as alive_probability

from customers

order by
    recency_days desc,
    customer_id asc

limit 10

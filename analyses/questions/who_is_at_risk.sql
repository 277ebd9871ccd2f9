with

customers as (

    select * from {{ ref('fct_customer_rfm') }}

    where rfm_segment in ('At risk', 'Can''t lose them', 'Need attention')

)

select
    customer_id,
    rfm_segment,
    recency_days,
    n_orders,
    round(total_spend, 2) as total_spend,
    round(1 - alive_probability, 3) as probability_gone

from customers

order by
    total_spend desc,
    customer_id asc

limit 10

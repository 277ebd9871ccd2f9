with

customers as (

    select
        *,

        sum(total_spend) over () as spend_of_all

    from {{ ref('fct_customer_rfm') }}

)

select
    customer_id,
    rfm_segment,
    n_orders,
    round(total_spend, 2) as total_spend,
    round(100 * total_spend / nullif(spend_of_all, 0), 1) as percent_of_spend,
    round(expected_orders_12m, 1) as expected_orders_12m,
    round(expected_value_12m, 2) as expected_value_12m

from customers

order by
    coalesce(expected_value_12m, total_spend) desc,
    customer_id asc

limit 10

with

customers as (

    select * from {{ ref('fct_customer_rfm') }}

),

customer_segments as (

    select * from {{ ref('fct_customer_segments') }}

),

summed as (

    select
        customer_segments.segmentation,
        customer_segments.segment_id,
        customer_segments.persona,

        count(*) as n_customers_with_orders,
        sum(customers.total_spend) as total_spend,
        sum(customers.expected_value_12m) as expected_value_12m

    from customer_segments

    inner join customers
        on customer_segments.customer_id = customers.customer_id

    group by
        customer_segments.segmentation,
        customer_segments.segment_id,
        customer_segments.persona

)

select
    segmentation,
    persona,
    n_customers_with_orders,
    round(total_spend, 0) as total_spend,
    round(
        100 * total_spend
        / nullif(sum(total_spend) over (partition by segmentation), 0),
        1
    ) as percent_of_spend,
    round(total_spend / n_customers_with_orders, 0) as spend_per_customer,
    round(expected_value_12m, 0) as expected_value_12m

from summed

order by
    segmentation asc,
    total_spend desc,
    segment_id asc

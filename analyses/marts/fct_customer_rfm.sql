{{ config(enabled=has_orders()) }}

with

customers as (

    select * from {{ ref('int_customer_orders') }}

    where has_orders

),

histories as (

    select * from {{ ref('int_customer_histories') }}

),

lifetimes as (

    select * from {{ ref('int_customer_lifetime') }}

),

cells as (

    select * from {{ ref('int_rfm_cells') }}

),

scored as (

    select
        customer_id,
        recency_days,
        n_orders,
        total_spend,
        average_order_value,
        tenure_days,

        {{ rfm_score('recency_days', 'recency_days', is_high_best=false) }}
            as r_score,
        {{ rfm_score('n_orders', 'n_orders') }} as f_score,
        {{ rfm_score('total_spend', 'total_spend') }} as m_score

    from customers

),

expected as (

    select
        histories.customer_id,

        lifetimes.alive_probability,
        lifetimes.expected_orders_12m,
        lifetimes.expected_orders_12m
        * lifetimes.value_p
        * (
            lifetimes.value_v
            + histories.n_purchase_days * histories.mean_purchase_value
        )
        / (
            lifetimes.value_p * histories.n_purchase_days
            + lifetimes.value_q
            - 1
        ) as expected_value_12m

    from histories

    inner join lifetimes
        on
            histories.n_repeats = lifetimes.n_repeats
            and histories.last_purchase_period = lifetimes.last_purchase_period
            and histories.age_periods = lifetimes.age_periods

)

select
    scored.customer_id,

    scored.recency_days,
    cast(scored.n_orders as bigint) as n_orders,
    scored.total_spend,
    scored.average_order_value,
    scored.tenure_days,

    scored.r_score,
    scored.f_score,
    scored.m_score,
    cells.rfm_segment,

    expected.alive_probability,
    expected.expected_orders_12m,
    expected.expected_value_12m

from scored

left join cells
    on
        scored.r_score = cells.r_score
        and scored.f_score = cells.f_score
        and scored.m_score = cells.m_score

left join expected
    on scored.customer_id = expected.customer_id

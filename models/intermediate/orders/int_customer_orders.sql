{{ config(enabled=has_orders(), materialized='table') }}
{%- set settings = orders_settings() -%}
{%- set as_of = orders_as_of() -%}

with

lines as (

    select * from {{ ref('int_orders_checked') }}

    where
        is_accepted
        {%- if settings.returns == 'ignore' %}
        and not is_return
        {%- endif %}

),
{%- if settings.window_days %}

windowed as (

    select lines.*

    from lines

    cross join (
        select
            {%- if as_of %}
            {{ as_of }} as as_of
            {%- else %}
            cast(
                {{ dbt.dateadd('day', 1, 'cast(max(ordered_at) as date)') }} as date
            ) as as_of
            {%- endif %}

        from lines

        where is_purchase
    ) as bounds

    where
        lines.ordered_at
        >= {{ dbt.dateadd('day', -settings.window_days, 'bounds.as_of') }}

),
{%- endif %}

orders as (

    select
        customer_id,
        -- Without a number, what was bought at one moment is one order.
        coalesce(
            order_id, {{ dbt.cast('ordered_at', dbt.type_string()) }}
        ) as order_key,

        min(case when is_purchase then ordered_at end) as first_ordered_at,
        max(case when is_purchase then ordered_at end) as last_ordered_at,
        max(case when is_return then 1 else 0 end) as is_return,
        sum(case when is_purchase then amount else 0 end) as purchased,
        sum(case when is_return then abs(amount) else 0 end) as returned

    from {{ 'windowed' if settings.window_days else 'lines' }}

    group by
        customer_id,
        order_key

),

customers as (

    select
        customer_id,

        cast(min(first_ordered_at) as date) as first_ordered_on,
        cast(max(last_ordered_at) as date) as last_ordered_on,
        count(first_ordered_at) as n_orders,
        count(distinct cast(first_ordered_at as date)) as n_purchase_days,
        sum(is_return) as n_returns,
        cast(sum(purchased) as double) as purchase_value,
        {%- if settings.returns == 'subtract' %}
        cast(sum(purchased) - sum(returned) as double) as total_spend
        {%- else %}
        cast(sum(purchased) as double) as total_spend
        {%- endif %}

    from orders

    group by customer_id

),

dated as (

    select
        *,

        {%- if as_of %}
        {{ as_of }} as as_of
        {%- else %}
        cast(
            {{ dbt.dateadd('day', 1, 'max(last_ordered_on) over ()') }} as date
        ) as as_of
        {%- endif %}

    from customers

)

select
    customer_id,

    as_of,
    first_ordered_on,
    last_ordered_on,
    n_purchase_days,
    purchase_value,

    cast(
        {{ dbt.datediff('last_ordered_on', 'as_of', 'day') }} as double
    ) as recency_days,
    cast(n_orders as double) as n_orders,
    total_spend,
    total_spend / nullif(n_orders, 0) as average_order_value,
    cast(
        {{ dbt.datediff('first_ordered_on', 'as_of', 'day') }} as double
    ) as tenure_days,
    cast(
        {{ dbt.datediff('first_ordered_on', 'last_ordered_on', 'day') }} as double
    ) / nullif(n_orders - 1, 0) as days_between_orders,
    {%- if settings.returns == 'ignore' %}
    cast(null as double) as n_returns,
    cast(null as double) as return_share,
    {%- else %}
    cast(n_returns as double) as n_returns,
    cast(n_returns as double) / nullif(n_orders + n_returns, 0) as return_share,
    {%- endif %}

    n_orders >= {{ settings.minimum_orders }} as has_orders

from dated

{{ config(enabled=has_orders(), materialized='view') }}
{%- set settings = orders_settings() -%}
{%- set prefix = settings.cancellation_prefix -%}

with

orders as (

    select * from {{ ref('stg_mall__orders') }}

),

judged as (

    select
        customer_id,
        order_id,
        ordered_at,
        quantity,
        amount,

        coalesce(amount < 0, false)
        or coalesce(quantity < 0, false)
        {%- if prefix %}
        or coalesce(
            order_id like {{ dbt.string_literal(
                dbt.escape_single_quotes(prefix) ~ '%'
            ) }}
            -- CA-2016-152156 is an order of California.
            and substr(order_id, {{ prefix | length + 1 }}, 1) between '0' and '9',
            false
        )
        {%- endif %} as is_return,

        ordered_at_text,
        quantity_text,
        unit_price_text,
        amount_text,

        nullif(
            concat_ws(
                '; ',
                case when customer_id is null then 'no customer' end,
                case
                    when ordered_at_text is null then 'no date'
                    when ordered_at is null then 'the date is not a date'
                    when ordered_at < cast('1900-01-01' as timestamp)
                        then 'the date is before 1900'
                    when ordered_at >= {{ last_order_moment() }}
                        then 'the date is {{
                            'after ' ~ settings.as_of if settings.as_of
                            else 'in the future'
                        }}'
                end,
                case
                    when is_amount_given and amount_text is null
                        then 'no amount'
                    when is_amount_given and amount is null
                        then 'the amount is not a number'
                end,
                case
                    when is_amount_given then null
                    when quantity_text is null then 'no quantity'
                    when quantity is null then 'the quantity is not a number'
                end,
                case
                    when is_amount_given then null
                    when unit_price_text is null then 'no unit price'
                    when unit_price is null
                        then 'the unit price is not a number'
                end,
                case
                    when
                        not is_amount_given
                        and quantity is not null
                        and unit_price is not null
                        and amount is null
                        then 'the amount is too large'
                end
            ),
            ''
        ) as rejection_reasons,

        customer_id is not null
        and coalesce(
            ordered_at >= cast('1900-01-01' as timestamp)
            and ordered_at < {{ last_order_moment() }}, false
        )
        and amount is not null as is_accepted

    from orders

)

select
    *,

    is_accepted and not is_return and amount > 0 as is_purchase

from judged

{{ config(enabled=has_orders(), materialized='view') }}
{%- set input = orders_input() -%}

with

orders as (

    select * from {{ input.relation }}

),

texts as (

    select
        {%- for name in input.columns %}
        {%- if name not in ('customer_id', 'order_id') %}
        {{ name }},
        {%- endif %}
        {%- endfor %}

        {{ order_text(input, 'customer_id') }} as customer_id,
        {{ order_text(input, 'order_id') }} as order_id,
        {%- for name in ['ordered_at', 'quantity', 'unit_price', 'amount'] %}
        {{ order_text(input, name) }} as {{ name }}_text
        {{- ',' if not loop.last }}
        {%- endfor %}

    from orders

),

typed as (

    select
        customer_id,
        order_id,

        {{ order_moment(input) }} as ordered_at,
        {{ order_number(input, 'quantity') }} as quantity,
        {{ order_number(input, 'unit_price') }} as unit_price,
        -- A decimal, for sums of which no order of the lines changes a digit.
        {%- if 'amount' in input.columns %}
        try_cast(
            {{ order_number(input, 'amount') }} as decimal(18, 4)
        ) as amount,
        {%- else %}
        try_cast(
            {{ order_number(input, 'quantity') }}
            * {{ order_number(input, 'unit_price') }} as decimal(18, 4)
        ) as amount,
        {%- endif %}

        ordered_at_text,
        quantity_text,
        unit_price_text,
        amount_text,
        {{ 'true' if 'amount' in input.columns else 'false' }} as is_amount_given

    from texts

)

select * from typed

{{ config(enabled=has_orders()) }}

select
    customer_id,
    order_id,
    ordered_at_text,
    quantity_text,
    unit_price_text,
    amount_text,

    rejection_reasons,
    count(*) as n_lines

from {{ ref('int_orders_checked') }}

where not is_accepted

group by
    customer_id,
    order_id,
    ordered_at_text,
    quantity_text,
    unit_price_text,
    amount_text,
    rejection_reasons

-- Generated: one receipt for every six visits, the latest of frequent cards last week.
select
    cards.customer_id,
    date '2025-12-31'
    - cast(receipts.n * 300 / cards.visits_per_year as integer) as ordered_at,
    cards.basket_eur as amount

from {{ ref('loyalty_cards') }} as cards

inner join generate_series(1, 13) as receipts (n)
    on cards.visits_per_year / 6 + 1 >= receipts.n

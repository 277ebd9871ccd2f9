-- Generated: three groups of 60 cards, with a spread that no two cards share.
with

cards as (

    select
        generate_series as card,
        generate_series % 3 as kind,
        (generate_series * 37) % 60 as spread

    from generate_series(1, 180)

)

select
    'card-' || card as customer_id,
    cast(3 + kind * 30 + spread / 6.0 as double) as visits_per_year,
    cast(20 + abs(kind - 1) * 60 + spread / 4.0 as double) as basket_eur

from cards

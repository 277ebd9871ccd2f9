with

customer_segments as (

    select
        *,

        row_number() over (
            partition by segmentation, segment_id
            order by distance asc, customer_id asc
        ) as closeness

    from {{ ref('fct_customer_segments') }}

    where not is_imputed

)

select
    segmentation,
    persona,
    customer_id,
    round(distance, 2) as distance,
    round(membership, 2) as membership

from customer_segments

where closeness <= 2

order by
    segmentation,
    segment_id,
    closeness

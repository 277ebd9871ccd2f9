with

segments as (

    select * from {{ ref('dim_segments') }}

),

customer_segments as (

    select
        *,

        row_number() over (
            partition by segmentation
            order by membership asc, customer_id asc
        ) as doubt

    from {{ ref('fct_customer_segments') }}

    where
        not is_outlier
        and second_segment_id is not null

)

select
    customer_segments.segmentation,
    customer_segments.customer_id,
    customer_segments.persona as persona_today,
    segments.persona as nearest_other,
    customer_segments.main_reason,
    round(customer_segments.membership, 2) as membership

from customer_segments

inner join segments
    on
        customer_segments.segmentation = segments.segmentation
        and customer_segments.second_segment_id = segments.segment_id

where customer_segments.doubt <= 5

order by
    customer_segments.segmentation,
    customer_segments.doubt

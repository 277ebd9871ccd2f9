with

customer_segments as (

    select * from {{ ref('fct_customer_segments') }}

),

pairs as (

    select
        customer_segments.segmentation,
        customer_segments.segment_id,
        customer_segments.persona,
        others.segmentation as other_segmentation,
        others.segment_id as other_segment_id,
        others.persona as other_persona,

        count(*) as n_customers

    from customer_segments

    inner join customer_segments as others
        on
            customer_segments.customer_id = others.customer_id
            and customer_segments.segmentation < others.segmentation

    group by
        customer_segments.segmentation,
        customer_segments.segment_id,
        customer_segments.persona,
        others.segmentation,
        others.segment_id,
        others.persona

),

ranked as (

    select
        *,

        sum(n_customers) over (
            partition by segmentation, segment_id, other_segmentation
        ) as n_in_segment,
        row_number() over (
            partition by segmentation, segment_id, other_segmentation
            order by n_customers desc, other_segment_id asc
        ) as place

    from pairs

)

select
    segmentation,
    persona,
    other_segmentation,
    other_persona as most_are_there,
    n_customers,
    round(100 * cast(n_customers as double) / n_in_segment, 1)
        as percent_of_segment

from ranked

where place = 1

order by
    segmentation,
    other_segmentation,
    segment_id

with

agreement as (

    select * from {{ ref('fct_rfm_agreement') }}

),

segments as (

    select * from {{ ref('dim_segments') }}

),

ranked as (

    select
        *,

        row_number() over (
            partition by segmentation, segment_id
            order by n_customers desc, rfm_segment asc
        ) as cell_rank

    from agreement

)

select
    ranked.segmentation,
    segments.segment_name,
    segments.persona,
    ranked.rfm_segment as most_frequent_cell,
    ranked.n_customers,
    round(100 * ranked.share_of_segment, 1) as percent_of_segment

from ranked

inner join segments
    on
        ranked.segmentation = segments.segmentation
        and ranked.segment_id = segments.segment_id

where ranked.cell_rank = 1

order by
    ranked.segmentation,
    ranked.segment_id

with

demographics as (

    select
        segmentation,
        segment_id,

        sum(n_customers) as n_counted,
        sum(share_of_segment) as share_of_segment

    from {{ ref('fct_segment_demographics') }}

    group by
        segmentation,
        segment_id

),

segments as (

    select * from {{ ref('dim_segments') }}

    where n_customers > 0

)

select
    coalesce(segments.segmentation, demographics.segmentation) as segmentation,
    coalesce(segments.segment_id, demographics.segment_id) as segment_id,
    segments.n_customers,
    demographics.n_counted,
    demographics.share_of_segment

from segments

full join demographics
    on
        segments.segmentation = demographics.segmentation
        and segments.segment_id = demographics.segment_id

where
    segments.n_customers is null
    or demographics.n_counted is null
    or segments.n_customers <> demographics.n_counted
    or abs(demographics.share_of_segment - 1) > 1e-9

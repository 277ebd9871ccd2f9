with

points as (

    select
        segmentation,
        segment_id,

        sum(n_customers) as n_on_points

    from {{ ref('fct_segment_points') }}

    group by
        segmentation,
        segment_id

),

segments as (

    select * from {{ ref('dim_segments') }}

    where n_customers > 0

)

select
    coalesce(segments.segmentation, points.segmentation) as segmentation,
    coalesce(segments.segment_id, points.segment_id) as segment_id,
    segments.n_customers,
    points.n_on_points

from segments

full join points
    on
        segments.segmentation = points.segmentation
        and segments.segment_id = points.segment_id

where
    segments.n_customers is null
    or points.n_on_points is null
    or segments.n_customers <> points.n_on_points

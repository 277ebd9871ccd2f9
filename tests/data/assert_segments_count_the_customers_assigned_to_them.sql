with

assigned as (

    select
        segmentation,
        segment_id,

        sum(n_customers) as n_assigned,
        sum(case when is_outlier then n_customers else 0 end)
            as n_assigned_outliers

    from {{ ref('int_customers_counted_by_segment') }}

    group by
        segmentation,
        segment_id

),

segments as (

    select * from {{ ref('dim_segments') }}

    where n_customers > 0

)

select
    coalesce(segments.segmentation, assigned.segmentation) as segmentation,
    coalesce(segments.segment_id, assigned.segment_id) as segment_id,
    segments.n_customers,
    assigned.n_assigned,
    segments.n_outliers,
    assigned.n_assigned_outliers

from segments

full join assigned
    on
        segments.segmentation = assigned.segmentation
        and segments.segment_id = assigned.segment_id

where
    segments.n_customers is null
    or assigned.n_assigned is null
    or segments.n_customers <> assigned.n_assigned
    or segments.n_outliers <> assigned.n_assigned_outliers

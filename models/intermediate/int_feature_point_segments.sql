with

points as (

    select * from {{ ref('int_segment_points') }}

),

feature_points as (

    select * from {{ ref('int_customer_feature_points') }}

)

select
    points.segmentation,
    feature_points.feature_point_id as point_id,
    points.segment_id,

    cast(sum(points.n_customers) as bigint) as n_customers

from points

inner join feature_points
    on
        points.segmentation = feature_points.segmentation
        and points.point_id = feature_points.point_id

group by
    points.segmentation,
    feature_points.feature_point_id,
    points.segment_id

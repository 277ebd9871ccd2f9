with

points as (

    select * from {{ ref('int_segment_points') }}

),

distances as (

    select * from {{ ref('int_segment_distances') }}

)

select
    points.segmentation,
    points.point_id,
    points.segment_id,
    points.distance,
    points.second_segment_id,
    points.second_distance,
    distances.segment_id as other_segment_id,
    distances.distance as other_distance

from points

inner join distances
    on
        points.segmentation = distances.segmentation
        and points.point_id = distances.point_id
        and points.segment_id <> distances.segment_id

where
    distances.distance < points.distance
    or (
        distances.segment_id <> points.second_segment_id
        and distances.distance < points.second_distance
    )

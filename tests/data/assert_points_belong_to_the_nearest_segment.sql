select
    segmentation,
    point_id,
    segment_id,
    distance,
    second_segment_id,
    second_distance,
    membership

from {{ ref('fct_segment_points') }}

where
    distance > second_distance
    or segment_id = second_segment_id
    or (distance = second_distance and segment_id > second_segment_id)
    or not membership between 0 and 1
    or segment_id is null

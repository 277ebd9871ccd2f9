with

points as (

    select * from {{ ref('int_points') }}

),

assigned as (

    select * from {{ ref('int_points_assigned') }}

),

segments as (

    select * from {{ ref('segments') }}

)

select
    points.segmentation,
    points.point_id,
    {%- for feature in all_features() %}
    points.{{ feature.name }},
    {%- endfor %}
    assigned.segment_id,
    segments.segment_name,
    assigned.distance,
    assigned.second_segment_id,
    assigned.second_distance,
    assigned.membership,
    assigned.silhouette,
    assigned.is_outlier,
    points.n_customers

from points

inner join assigned
    on
        points.segmentation = assigned.segmentation
        and points.point_id = assigned.point_id

inner join segments
    on
        assigned.segmentation = segments.segmentation
        and assigned.segment_id = segments.segment_id

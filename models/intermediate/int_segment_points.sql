with

points as (

    select * from {{ ref('int_customer_points') }}

),

distances as (

    select * from {{ ref('int_segment_distances') }}

),

nearest as (

    select * from distances

    where nearness = 1

),

second_nearest as (

    select * from distances

    where nearness = 2

),

assigned as (

    select
        points.segmentation,
        points.point_id,
        {%- for feature in var('features') %}
        points.{{ feature.name }},
        {%- endfor %}

        nearest.segment_id,
        nearest.distance,
        nearest.membership,
        second_nearest.segment_id as second_segment_id,
        second_nearest.distance as second_distance,
        nearest.membership - second_nearest.membership as margin,
        nearest.distance > nearest.outlier_distance as is_outlier,

        points.n_customers

    from points

    inner join nearest
        on
            points.segmentation = nearest.segmentation
            and points.point_id = nearest.point_id

    inner join second_nearest
        on
            points.segmentation = second_nearest.segmentation
            and points.point_id = second_nearest.point_id

)

select * from assigned

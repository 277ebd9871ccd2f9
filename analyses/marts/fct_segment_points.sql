with

points as (

    select * from {{ ref('int_segment_points') }}

),

feature_points as (

    select * from {{ ref('int_customer_feature_points') }}

),

silhouettes as (

    select * from {{ ref('int_point_silhouettes') }}

),

segments as (

    select * from {{ ref('dim_segments') }}

)

select
    points.segmentation,
    points.point_id,
    points.age_years,
    points.annual_income_kusd,
    points.spending_score,
    points.segment_id,
    segments.segment_name,
    points.distance,
    points.second_segment_id,
    points.second_distance,
    points.membership,
    points.margin,
    silhouettes.silhouette,
    points.is_outlier,
    points.n_customers

from points

inner join segments
    on
        points.segmentation = segments.segmentation
        and points.segment_id = segments.segment_id

inner join feature_points
    on
        points.segmentation = feature_points.segmentation
        and points.point_id = feature_points.point_id

left join silhouettes
    on
        feature_points.segmentation = silhouettes.segmentation
        and feature_points.feature_point_id = silhouettes.point_id

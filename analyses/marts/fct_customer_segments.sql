with

customers as (

    select * from {{ ref('int_customer_combinations') }}

),

segments as (

    select * from {{ ref('int_combination_segments') }}

),

points as (

    select * from {{ ref('fct_segment_points') }}

)

select
    segments.segmentation,
    cast(customers.customer_id as {{ dbt.type_string() }}) as customer_id,
    points.segment_id,
    points.segment_name,
    points.distance,
    points.second_segment_id,
    points.second_distance,
    points.membership,
    points.margin,
    points.silhouette,
    points.is_outlier,
    segments.is_imputed

from customers

inner join segments
    on customers.combination_id = segments.combination_id

inner join points
    on
        segments.segmentation = points.segmentation
        and segments.point_id = points.point_id

{#-
By segmentation, because a combination has one segment in each: engines join customers to
a table in which every number stands once at a fraction of the cost. Each scans the
customers anew: engines may keep all rows of a common table expression used twice.
-#}
with

segments as (

    select * from {{ ref('int_combination_segments') }}

),

points as (

    select * from {{ ref('fct_segment_points') }}

),

assigned as (
{% for segmentation in var('segmentations') %}
    select
        segments.segmentation,
        customers.customer_id,

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

    from {{ ref('int_customer_combinations') }} as customers

    inner join segments
        on
            segments.segmentation = '{{ segmentation.name }}'
            and customers.combination_id = segments.combination_id

    inner join points
        on
            points.segmentation = '{{ segmentation.name }}'
            and segments.point_id = points.point_id
    {% if not loop.last %}
    union all
    {% endif %}
{%- endfor %}
)

select
    segmentation,
    cast(customer_id as {{ dbt.type_string() }}) as customer_id,
    segment_id,
    segment_name,
    distance,
    second_segment_id,
    second_distance,
    membership,
    margin,
    silhouette,
    is_outlier,
    is_imputed

from assigned

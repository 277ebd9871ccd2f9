{#-
Each segmentation scans the customers anew: engines may keep all rows of a common table
expression that is used more than once, and these are as many as there are customers.
-#}
with

segment_points as (

    select * from {{ ref('fct_segment_points') }}

),

assigned as (
{% for segmentation in var('segmentations') %}
    select
        segment_points.segmentation,
        customers.customer_id,

        segment_points.segment_id,
        segment_points.segment_name,
        segment_points.distance,
        segment_points.second_segment_id,
        segment_points.second_distance,
        segment_points.membership,
        segment_points.margin,
        segment_points.silhouette,
        segment_points.is_outlier,
        {% for feature in segmentation.features -%}
        customers.is_{{ feature }}_imputed {{ 'or ' if not loop.last }}
        {%- endfor %} as is_imputed

    from {{ ref('dim_customers') }} as customers

    inner join segment_points
        on
            segment_points.segmentation = '{{ segmentation.name }}'
            {%- for feature in var('features')
                if feature.name in segmentation.features %}
            {%- if feature.is_whole and feature.resolution == 1 %}
            and customers.{{ feature.name }} = segment_points.{{ feature.name }}
            {%- else %}
            and case
                when customers.is_{{ feature.name }}_imputed
                    then customers.{{ feature.name }}
                else {{ on_grid(feature, 'customers.' ~ feature.name) }}
            end = segment_points.{{ feature.name }}
            {%- endif %}
            {%- endfor %}
    {% if not loop.last %}
    union all
    {% endif %}
{%- endfor %}
)

select
    segmentation,
    customer_id,
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

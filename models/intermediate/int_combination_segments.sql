with

combinations as (

    select * from {{ ref('int_combinations_imputed') }}

),

points as (

    select * from {{ ref('int_segment_points') }}

),

assigned as (
{% for segmentation in var('segmentations') %}
    select
        points.segmentation,
        combinations.combination_id,

        points.point_id,
        points.segment_id,
        points.is_outlier,
        {% for feature in segmentation.features -%}
        combinations.is_{{ feature }}_imputed {{ 'or ' if not loop.last }}
        {%- endfor %} as is_imputed

    from combinations

    inner join points
        on
            points.segmentation = '{{ segmentation.name }}'
            {%- for feature in segmentation.features %}
            and combinations.{{ feature }} = points.{{ feature }}
            {%- endfor %}
    {% if not loop.last %}
    union all
    {% endif %}
{%- endfor %}
)

select * from assigned

with

combinations as (

    select * from {{ ref('int_combinations_imputed') }}

),

customer_points as (

    select * from {{ ref('int_customer_points') }}

),

feature_points as (

    select * from {{ ref('int_feature_points') }}

),

-- A value that is observed may be the median that others were given, and be
-- grouped to another point than theirs; the lower one stands for both.
grouped as (
{% for segmentation in var('segmentations') %}
    select
        '{{ segmentation.name }}' as segmentation,
        customer_points.point_id,

        min(feature_points.point_id) as feature_point_id

    from combinations

    inner join customer_points
        on
            customer_points.segmentation = '{{ segmentation.name }}'
            {%- for feature in segmentation.features %}
            and combinations.{{ feature }} = customer_points.{{ feature }}
            {%- endfor %}

    inner join feature_points
        on
            feature_points.segmentation = '{{ segmentation.name }}'
            {%- for feature in var('features')
                if feature.name in segmentation.features %}
            and {{ imputed_on_grid(feature, 'combinations') }}
            = feature_points.{{ feature.name }}
            {%- endfor %}

    group by customer_points.point_id
    {% if not loop.last %}
    union all
    {% endif %}
{%- endfor %}
)

select * from grouped

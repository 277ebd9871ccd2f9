with

customers as (

    select * from {{ ref('int_customers_grouped') }}

),

segment_points as (

    select * from {{ ref('int_segment_points') }}

),

medians as (

    select
        {%- for feature in var('features') %}
        max(case when feature = '{{ feature.name }}' then median end)
            as {{ feature.name }}{{ ',' if not loop.last }}
        {%- endfor %}

    from {{ ref('int_feature_statistics') }}

),

imputed as (

    select
        customers.gender,
        {%- for feature in var('features') %}
        coalesce(customers.{{ feature.name }}, medians.{{ feature.name }})
            as {{ feature.name }},
        customers.{{ feature.name }} is null as is_{{ feature.name }}_imputed,
        {%- endfor %}
        customers.n_customers

    from customers

    cross join medians

),

segmented as (
{% for segmentation in var('segmentations') %}
    select
        segment_points.segmentation,
        segment_points.segment_id,
        segment_points.is_outlier,

        imputed.*

    from imputed

    inner join segment_points
        on
            segment_points.segmentation = '{{ segmentation.name }}'
            {%- for feature in segmentation.features %}
            and imputed.{{ feature }} = segment_points.{{ feature }}
            {%- endfor %}
    {% if not loop.last %}
    union all
    {% endif %}
{%- endfor %}
)

select * from segmented

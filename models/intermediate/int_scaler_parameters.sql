with

statistics as (

    select * from {{ ref('int_feature_statistics') }}

),

configured as (
{% for segmentation in var('segmentations') -%}
{% set is_last_segmentation = loop.last -%}
{% for feature in segmentation.features %}
    select
        '{{ segmentation.name }}' as segmentation,
        '{{ feature }}' as feature,
        '{{ segmentation.scaler }}' as scaler
    {% if not (loop.last and is_last_segmentation) %}
    union all
    {% endif %}
{%- endfor %}
{%- endfor %}
),

parameters as (

    select
        configured.segmentation,
        configured.feature,
        configured.scaler,

        statistics.mean,
        statistics.standard_deviation,
        case configured.scaler
            when 'standard' then statistics.mean
            when 'minmax' then statistics.minimum
            when 'robust' then statistics.median
            else 0
        end as center,
        case configured.scaler
            when 'standard' then statistics.standard_deviation
            when 'minmax' then statistics.maximum - statistics.minimum
            when 'robust'
                then statistics.third_quartile - statistics.first_quartile
            else 1
        end as raw_scale

    from configured

    inner join statistics
        on configured.feature = statistics.feature

)

select
    segmentation,
    feature,
    scaler,

    mean,
    standard_deviation,
    center,
    case when raw_scale = 0 then 1 else raw_scale end as scale

from parameters

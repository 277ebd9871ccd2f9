with

ranges as (
    {%- for feature in number_features() %}

    select
        '{{ feature.name }}' as feature,
        cast({{ feature.minimum if feature.minimum is defined and feature.minimum is not none else 'null' }} as double) as least,
        cast({{ feature.maximum if feature.maximum is defined and feature.maximum is not none else 'null' }} as double) as most

    {{ 'union all' if not loop.last }}
    {%- else %}

    select feature, minimum as least, maximum as most
    from {{ ref('fct_feature_summary') }}
    {%- endfor %}

)

select
    summary.feature,
    summary.minimum,
    summary.maximum,
    ranges.least,
    ranges.most

from {{ ref('fct_feature_summary') }} as summary

inner join ranges
    on summary.feature = ranges.feature

where
    summary.minimum < ranges.least
    or summary.maximum > ranges.most

with

customers as (

    select * from {{ ref('int_customers_grouped_by_segment') }}

),

feature_values as (
{% for feature in var('features') %}
    select
        segmentation,
        segment_id,
        '{{ feature.name }}' as feature,
        {{ feature.name }} as value,
        cast({{ feature.resolution }} as double) as resolution,
        {{ feature.name }} / {{ feature.resolution }} as steps,

        cast(sum(n_customers) as bigint) as n_customers

    from customers

    group by
        segmentation,
        segment_id,
        {{ feature.name }}
    {% if not loop.last %}
    union all
    {% endif %}
{%- endfor %}
),

accumulated as (

    select
        segmentation,
        segment_id,
        feature,
        value,
        resolution,
        steps,

        n_customers,
        cast(sum(n_customers) over (
            partition by segmentation, segment_id, feature order by value
            rows between unbounded preceding and current row
        ) as bigint) as n_cumulative,
        cast(sum(n_customers) over (
            partition by segmentation, segment_id, feature
        ) as bigint) as n_total

    from feature_values

)

select * from accumulated

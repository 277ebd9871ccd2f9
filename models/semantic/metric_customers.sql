{#- Sums add up over any group; MetricFlow divides them to means. -#}
with

customers as (

    select * from {{ ref('int_customers_grouped_by_segment') }}

),

points as (

    select * from {{ ref('fct_segment_points') }}

),

builds as (

    select * from {{ ref('metric_builds') }}

),

measured as (
{% for segmentation in var('segmentations') %}
    select
        customers.segmentation,
        customers.segment_id,
        customers.gender,
        {{ age_band(
            'not customers.is_age_years_imputed', 'customers.age_years'
        ) }} as age_band,
        {%- for feature in var('features') %}
        customers.{{ feature.name }},
        {%- endfor %}
        customers.n_customers,
        case when customers.is_outlier then customers.n_customers else 0 end
            as n_outliers,
        case
            when
                points.silhouette is not null
                {%- for feature in segmentation.features %}
                and not customers.is_{{ feature }}_imputed
                {%- endfor %}
                then customers.n_customers
            else 0
        end as n_with_silhouette,
        points.silhouette

    from customers

    inner join points
        on
            customers.segmentation = points.segmentation
            {%- for feature in segmentation.features %}
            and customers.{{ feature }} = points.{{ feature }}
            {%- endfor %}

    where customers.segmentation = '{{ segmentation.name }}'
    {% if not loop.last %}
    union all
    {% endif %}
{%- endfor %}
),

summed as (

    select
        segmentation,
        segment_id,
        gender,
        age_band,

        cast(sum(n_customers) as bigint) as n_customers,
        cast(sum(n_outliers) as bigint) as n_outliers,
        cast(sum(n_with_silhouette) as bigint) as n_with_silhouette,
        {{ ordered_sum('n_with_silhouette * silhouette') }}
            as total_silhouette
        {%- for feature in var('features') %},
        {{ ordered_sum('n_customers * ' ~ feature.name) }}
            as total_{{ feature.name }}
        {%- endfor %}

    from measured

    group by
        segmentation,
        segment_id,
        gender,
        age_band

),

shared as (

    select
        summed.*,

        cast(summed.n_customers as double) / cast(
            sum(summed.n_customers) over (partition by summed.segmentation)
            as double
        ) as customer_share,
        builds.built_on

    from summed

    cross join builds

)

select * from shared

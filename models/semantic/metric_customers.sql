{#- Sums add up over any group; MetricFlow divides them to means. -#}
with

combinations as (

    select * from {{ ref('int_combinations_imputed') }}

),

segments as (

    select * from {{ ref('int_combination_segments') }}

),

points as (

    select * from {{ ref('fct_segment_points') }}

),

builds as (

    select * from {{ ref('metric_builds') }}

),

measured as (

    select
        segments.segmentation,
        segments.segment_id,
        combinations.gender,
        {{ age_band(
            'not combinations.is_age_years_imputed', 'combinations.age_years'
        ) }} as age_band,
        {%- for feature in var('features') %}
        combinations.{{ feature.name }},
        {%- endfor %}
        combinations.n_customers,
        case when segments.is_outlier then combinations.n_customers else 0 end
            as n_outliers,
        case
            when points.silhouette is not null and not segments.is_imputed
                then combinations.n_customers
            else 0
        end as n_with_silhouette,
        points.silhouette

    from combinations

    inner join segments
        on combinations.combination_id = segments.combination_id

    inner join points
        on
            segments.segmentation = points.segmentation
            and segments.point_id = points.point_id

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

{#- Sums add up over any group of segments; MetricFlow divides them to means. -#}
with

feature_sums as (

    select
        segmentation,
        segment_id,
        feature,

        cast(sum(n_customers) as bigint) as n_customers,
        sum(n_customers * value) as total_value

    from {{ ref('int_segment_values') }}

    where value is not null

    group by
        segmentation,
        segment_id,
        feature

),

segments as (

    select * from {{ ref('dim_segments') }}

),

builds as (

    select * from {{ ref('metric_builds') }}

),

summed as (

    -- A segment's own sums have a row of no feature, so that none counts twice.
    select
        segmentation,
        segment_id,
        '(all)' as feature,

        n_customers,
        n_outliers,
        customer_share,
        n_customers * mean_silhouette as total_silhouette,
        case when mean_silhouette is null then 0 else n_customers end
            as n_with_silhouette,
        cast(null as {{ dbt.type_bigint() }}) as n_values,
        cast(null as {{ dbt.type_float() }}) as total_value

    from segments

    union all

    select
        segmentation,
        segment_id,
        feature,

        null as n_customers,
        null as n_outliers,
        null as customer_share,
        null as total_silhouette,
        null as n_with_silhouette,
        n_customers as n_values,
        total_value

    from feature_sums

)

select
    summed.*,
    builds.built_on

from summed

cross join builds

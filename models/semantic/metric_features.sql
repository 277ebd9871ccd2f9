{#- Sums add up over any group of segments; MetricFlow divides them to means. -#}
with

profiles as (

    select * from {{ ref('fct_segment_profiles') }}

),

segments as (

    select * from {{ ref('dim_segments') }}

),

builds as (

    select * from {{ ref('metric_builds') }}

)

select
    profiles.segmentation,
    profiles.segment_id,
    profiles.feature,

    profiles.n_customers,
    profiles.n_customers * profiles.mean as total_value,
    segments.n_outliers,
    segments.n_customers * segments.mean_silhouette as total_silhouette,
    segments.customer_share,
    builds.built_on

from profiles

inner join segments
    on
        profiles.segmentation = segments.segmentation
        and profiles.segment_id = segments.segment_id

cross join builds

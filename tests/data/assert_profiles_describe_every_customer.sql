-- Each segment has a profile of each feature; the means average to the overall.
with

segments as (

    select * from {{ ref('dim_segments') }}

    where n_customers > 0

),

features as (

    select feature from {{ ref('fct_feature_summary') }}

),

profiles as (

    select * from {{ ref('fct_segment_profiles') }}

),

feature_values as (

    select
        segmentation,
        segment_id,
        feature,

        sum(n_customers) as n_customers

    from {{ ref('fct_segment_feature_values') }}

    group by
        segmentation,
        segment_id,
        feature

),

averages as (

    select
        segmentation,
        feature,

        sum(n_customers * mean) / sum(n_customers) as average

    from profiles

    group by
        segmentation,
        feature

),

differences as (

    select
        segments.segmentation,
        segments.segment_id,
        features.feature,
        segments.n_customers,
        profiles.n_customers as n_profiled,
        feature_values.n_customers as n_with_values,
        profiles.overall_mean,
        averages.average

    from segments

    cross join features

    left join profiles
        on
            segments.segmentation = profiles.segmentation
            and segments.segment_id = profiles.segment_id
            and features.feature = profiles.feature

    left join feature_values
        on
            segments.segmentation = feature_values.segmentation
            and segments.segment_id = feature_values.segment_id
            and features.feature = feature_values.feature

    left join averages
        on
            segments.segmentation = averages.segmentation
            and features.feature = averages.feature

)

select *

from differences

where
    n_profiled is null
    or n_with_values is null
    or n_customers <> n_profiled
    or n_customers <> n_with_values
    or abs(average - overall_mean) > 1e-9 * greatest(abs(overall_mean), 1)

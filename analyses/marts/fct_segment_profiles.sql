with

feature_values as (

    select * from {{ ref('int_segment_feature_values') }}

),

means as (

    select
        segmentation,
        segment_id,
        feature,

        sum(n_customers * value) / max(n_total) as mean

    from feature_values

    group by
        segmentation,
        segment_id,
        feature

),

profiles as (

    select
        feature_values.segmentation,
        feature_values.segment_id,
        feature_values.feature,

        max(feature_values.n_total) as n_customers,
        max(means.mean) as mean,
        {{ weighted_quantile('0.5') }} as median,
        sqrt(
            sum(
                feature_values.n_customers
                * (feature_values.value - means.mean)
                * (feature_values.value - means.mean)
            ) / max(feature_values.n_total)
        ) as std,
        {{ weighted_quantile('0.1') }} as p10,
        {{ weighted_quantile('0.9') }} as p90,
        min(feature_values.value) as minimum,
        max(feature_values.value) as maximum

    from feature_values

    inner join means
        on
            feature_values.segmentation = means.segmentation
            and feature_values.segment_id = means.segment_id
            and feature_values.feature = means.feature

    group by
        feature_values.segmentation,
        feature_values.segment_id,
        feature_values.feature

),

overall_means as (

    select
        segmentation,
        feature,

        sum(n_customers * value) / sum(n_customers) as overall_mean

    from feature_values

    group by
        segmentation,
        feature

),

overall as (

    select
        feature_values.segmentation,
        feature_values.feature,

        max(overall_means.overall_mean) as overall_mean,
        sqrt(
            sum(
                feature_values.n_customers
                * (feature_values.value - overall_means.overall_mean)
                * (feature_values.value - overall_means.overall_mean)
            ) / sum(feature_values.n_customers)
        ) as overall_std

    from feature_values

    inner join overall_means
        on
            feature_values.segmentation = overall_means.segmentation
            and feature_values.feature = overall_means.feature

    group by
        feature_values.segmentation,
        feature_values.feature

)

select
    profiles.segmentation,
    profiles.segment_id,
    profiles.feature,
    profiles.n_customers,
    profiles.mean,
    profiles.median,
    profiles.std,
    profiles.p10,
    profiles.p90,
    profiles.minimum,
    profiles.maximum,
    overall.overall_mean,
    overall.overall_std,
    (profiles.mean - overall.overall_mean)
    / nullif(overall.overall_std, 0) as z_score,
    100 * profiles.mean / nullif(overall.overall_mean, 0) as index_vs_overall

from profiles

inner join overall
    on
        profiles.segmentation = overall.segmentation
        and profiles.feature = overall.feature

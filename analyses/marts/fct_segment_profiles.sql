with

feature_values as (

    select * from {{ ref('int_segment_feature_values') }}

),

means as (

    select
        segmentation,
        segment_id,
        feature,

        {{ ordered_sum('n_customers * steps') }} / max(n_total) as mean_steps

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
        max(means.mean_steps) * max(feature_values.resolution) as mean,
        {{ weighted_quantile('0.5') }} as median,
        sqrt(
            {{ ordered_sum(
                'feature_values.n_customers'
                ~ ' * (feature_values.steps - means.mean_steps)'
                ~ ' * (feature_values.steps - means.mean_steps)'
            ) }} / max(feature_values.n_total)
        ) * max(feature_values.resolution) as std,
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

        sum(n_customers) as n_customers,
        {{ ordered_sum('n_customers * steps') }} / sum(n_customers)
            as mean_steps

    from feature_values

    group by
        segmentation,
        feature

),

overall as (

    select
        feature_values.segmentation,
        feature_values.feature,

        max(overall_means.mean_steps) * max(feature_values.resolution)
            as overall_mean,
        sqrt(
            {{ ordered_sum(
                'feature_values.n_customers'
                ~ ' * (feature_values.steps - overall_means.mean_steps)'
                ~ ' * (feature_values.steps - overall_means.mean_steps)'
            ) }} / max(overall_means.n_customers)
        ) * max(feature_values.resolution) as overall_std

    from feature_values

    inner join overall_means
        on
            feature_values.segmentation = overall_means.segmentation
            and feature_values.feature = overall_means.feature

    group by
        feature_values.segmentation,
        feature_values.feature

),

compared as (

    select
        profiles.*,

        overall.overall_mean,
        overall.overall_std,
        (profiles.mean - overall.overall_mean)
        / nullif(overall.overall_std, 0) as z_score,
        100 * profiles.mean / nullif(overall.overall_mean, 0)
            as index_vs_overall

    from profiles

    inner join overall
        on
            profiles.segmentation = overall.segmentation
            and profiles.feature = overall.feature

)

select
    segmentation,
    segment_id,
    feature,
    n_customers,
    mean,
    median,
    std,
    p10,
    p90,
    minimum,
    maximum,
    overall_mean,
    overall_std,
    z_score,
    index_vs_overall,
    cast(row_number() over (
        partition by segmentation, segment_id
        order by abs(coalesce(z_score, 0)) desc, feature
    ) as bigint) as difference_rank

from compared

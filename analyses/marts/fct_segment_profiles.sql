with

segment_values as (

    select
        *,

        sum(n_customers * value) over (
            partition by segmentation, segment_id, feature
        ) / n_total as segment_mean

    from {{ ref('int_segment_values') }}

    where value is not null

),

profiles as (

    select
        segmentation,
        segment_id,
        feature,

        max(n_total) as n_customers,
        max(segment_mean) as mean,
        {{ weighted_quantile('0.5') }} as median,
        sqrt(
            sum(
                n_customers * (value - segment_mean) * (value - segment_mean)
            ) / max(n_total)
        ) as std,
        {{ weighted_quantile('0.1') }} as p10,
        {{ weighted_quantile('0.9') }} as p90,
        min(value) as minimum,
        max(value) as maximum

    from segment_values

    group by
        segmentation,
        segment_id,
        feature

),

-- All customers vary within the segments and between them.
overall_means as (

    select
        segmentation,
        feature,

        sum(n_customers * mean) / sum(n_customers) as overall_mean

    from profiles

    group by
        segmentation,
        feature

),

overall as (

    select
        profiles.segmentation,
        profiles.feature,

        max(overall_means.overall_mean) as overall_mean,
        sqrt(
            sum(
                profiles.n_customers * (
                    profiles.std * profiles.std
                    + (profiles.mean - overall_means.overall_mean)
                    * (profiles.mean - overall_means.overall_mean)
                )
            ) / sum(profiles.n_customers)
        ) as overall_std

    from profiles

    inner join overall_means
        on
            profiles.segmentation = overall_means.segmentation
            and profiles.feature = overall_means.feature

    group by
        profiles.segmentation,
        profiles.feature

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

with

levels as (

    select * from {{ ref('int_segment_values') }}

    where level is not null

),

overall as (

    select
        segmentation,
        feature,
        level,

        sum(n_customers) as n_customers,
        sum(sum(n_customers)) over (
            partition by segmentation, feature
        ) as n_all

    from levels

    group by
        segmentation,
        feature,
        level

),

-- A level that nobody in a segment has is an answer, too.
every_level as (

    select
        segments.segmentation,
        segments.segment_id,
        segments.feature,
        overall.level,

        max(segments.n_total) as n_in_segment,
        max(overall.n_customers) as n_with_level,
        max(overall.n_all) as n_all

    from levels as segments

    inner join overall
        on
            segments.segmentation = overall.segmentation
            and segments.feature = overall.feature

    group by
        segments.segmentation,
        segments.segment_id,
        segments.feature,
        overall.level

),

shared as (

    select
        every_level.segmentation,
        every_level.segment_id,
        every_level.feature,
        every_level.level,

        coalesce(levels.n_customers, 0) as n_customers,
        cast(coalesce(levels.n_customers, 0) as double)
        / cast(every_level.n_in_segment as double) as share_of_segment,
        cast(every_level.n_with_level as double)
        / cast(every_level.n_all as double) as overall_share

    from every_level

    left join levels
        on
            every_level.segmentation = levels.segmentation
            and every_level.segment_id = levels.segment_id
            and every_level.feature = levels.feature
            and every_level.level = levels.level

)

select
    segmentation,
    segment_id,
    feature,
    level,
    n_customers,
    share_of_segment,
    overall_share,
    100 * share_of_segment / nullif(overall_share, 0) as index_vs_overall

from shared

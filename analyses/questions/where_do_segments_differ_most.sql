with

segments as (

    select * from {{ ref('dim_segments') }}

),

profiles as (

    select
        *,

        row_number() over (
            partition by segmentation, segment_id
            order by abs(z_score) desc, feature asc
        ) as strength

    from {{ ref('fct_segment_profiles') }}

)

select
    segments.segmentation,
    segments.persona,
    profiles.feature as differs_most_in,
    round(profiles.mean, 1) as mean,
    round(profiles.overall_mean, 1) as mean_of_all_customers,
    round(profiles.z_score, 2) as standard_deviations_away

from segments

inner join profiles
    on
        segments.segmentation = profiles.segmentation
        and segments.segment_id = profiles.segment_id

where profiles.strength = 1

order by
    abs(profiles.z_score) desc,
    segments.segmentation asc,
    segments.segment_id asc

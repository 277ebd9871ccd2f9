with

segments as (

    select * from {{ ref('dim_segments') }}

),

profiles as (

    select * from {{ ref('fct_segment_profiles') }}

    where difference_rank <= 2

)

select
    segments.segmentation,
    segments.persona,
    profiles.feature,
    round(profiles.mean, 1) as mean,
    round(profiles.p10, 1) as most_are_above,
    round(profiles.p90, 1) as most_are_below,
    round(profiles.overall_mean, 1) as mean_of_all_customers,
    round(profiles.z_score, 2) as standard_deviations_away

from segments

inner join profiles
    on
        segments.segmentation = profiles.segmentation
        and segments.segment_id = profiles.segment_id

order by
    segments.segmentation,
    segments.segment_id,
    profiles.difference_rank,
    profiles.feature

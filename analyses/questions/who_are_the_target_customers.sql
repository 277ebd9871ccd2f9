with

target_segments as (

    select * from {{ ref('dim_segments') }}

    where
        segmentation = 'income_spending'
        and persona = 'Target customers'

),

profiles as (

    select * from {{ ref('fct_segment_profiles') }}

)

select
    target_segments.persona,
    target_segments.n_customers,
    round(100 * target_segments.customer_share, 1) as percent_of_customers,
    profiles.feature,
    round(profiles.mean, 1) as mean,
    profiles.p10 as most_are_above,
    profiles.p90 as most_are_below,
    round(profiles.overall_mean, 1) as mean_of_all_customers

from target_segments

inner join profiles
    on
        target_segments.segmentation = profiles.segmentation
        and target_segments.segment_id = profiles.segment_id

order by profiles.feature

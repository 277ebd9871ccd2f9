with

segments as (

    select * from {{ ref('dim_segments') }}

),

demographics as (

    select * from {{ ref('fct_segment_demographics') }}

),

counted as (

    select
        demographics.gender,
        demographics.age_band,

        sum(case
            when segments.persona = 'Target customers'
                then demographics.n_customers
            else 0
        end) as n_target_customers,
        sum(demographics.n_customers) as n_customers

    from demographics

    inner join segments
        on
            demographics.segmentation = segments.segmentation
            and demographics.segment_id = segments.segment_id

    where segments.segmentation = 'income_spending'

    group by
        demographics.gender,
        demographics.age_band

)

select
    age_band,
    gender,
    n_target_customers,
    n_customers,
    round(
        100 * cast(n_target_customers as double)
        / nullif(sum(n_target_customers) over (), 0),
        1
    ) as percent_of_target_customers,
    round(
        100 * cast(n_target_customers as double) / nullif(n_customers, 0), 1
    ) as percent_who_are_target_customers

from counted

order by
    age_band,
    gender

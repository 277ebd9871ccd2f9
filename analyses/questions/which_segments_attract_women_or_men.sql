with

segments as (

    select * from {{ ref('dim_segments') }}

    where segmentation = 'income_spending'

),

demographics as (

    select * from {{ ref('fct_segment_demographics') }}

),

counted as (

    select
        segments.segment_id,
        segments.persona,

        cast(sum(demographics.n_customers) as double) as n_customers,
        sum(case
            when demographics.gender = 'female' then demographics.n_customers
            else 0
        end) as n_women,
        sum(case
            when demographics.gender = 'male' then demographics.n_customers
            else 0
        end) as n_men

    from segments

    inner join demographics
        on
            segments.segmentation = demographics.segmentation
            and segments.segment_id = demographics.segment_id

    group by
        segments.segment_id,
        segments.persona

)

select
    persona,
    n_women,
    n_men,
    round(100 * n_women / n_customers, 1) as percent_women,
    round(100 * sum(n_women) over () / sum(n_customers) over (), 1)
        as percent_women_of_all_customers

from counted

order by
    n_women / n_customers desc,
    segment_id asc

with

segments as (

    select * from {{ ref('dim_segments') }}

    where segmentation = 'income_spending'

),

spending as (

    select * from {{ ref('fct_segment_profiles') }}

    where feature = 'spending_score'

),

totals as (

    select
        segments.segment_id,
        segments.persona,
        segments.n_customers,

        segments.n_customers * spending.mean as spending,
        sum(segments.n_customers) over () as n_all_customers,
        sum(segments.n_customers * spending.mean) over () as all_spending

    from segments

    inner join spending
        on
            segments.segmentation = spending.segmentation
            and segments.segment_id = spending.segment_id

)

select
    persona,
    n_customers,
    round(100 * cast(n_customers as double) / n_all_customers, 1)
        as percent_of_customers,
    round(100 * spending / all_spending, 1) as percent_of_spending,
    round(all_spending / n_all_customers, 1) as mean_spending_today,
    round(
        (all_spending - spending) / nullif(n_all_customers - n_customers, 0), 1
    ) as mean_spending_without_them

from totals

order by
    spending desc,
    segment_id asc

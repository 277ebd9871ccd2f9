with

segments as (

    select * from {{ ref('dim_segments') }}

),

rules as (

    select * from {{ ref('fct_segment_rules') }}

)

select
    segments.segmentation,
    segments.persona,
    rules.rule_text,
    rules.n_customers,
    round(100 * rules.precision, 1) as percent_of_them_in_the_segment,
    round(100 * rules.coverage, 1) as percent_of_the_segment_found

from segments

inner join rules
    on
        segments.segmentation = rules.segmentation
        and segments.segment_id = rules.segment_id

order by
    segments.segmentation,
    segments.segment_id,
    rules.rule_id

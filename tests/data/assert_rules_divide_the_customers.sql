-- Each customer fits one rule, so the rules add up to all customers.
with

rules as (

    select * from {{ ref('fct_segment_rules') }}

),

segments as (

    select * from {{ ref('dim_segments') }}

),

accepted as (

    select n as n_accepted

    from {{ ref('fct_input_counts') }}

    where measure = 'accepted customers'

),

totals as (

    select
        segmentation,

        sum(n_customers) as n_customers,
        sum(n_in_segment) as n_in_segment

    from rules

    group by segmentation

)

select
    rules.segmentation,
    rules.rule_id,
    rules.segment_id,
    rules.coverage,
    rules.fidelity,
    totals.n_customers,
    accepted.n_accepted

from rules

inner join totals
    on rules.segmentation = totals.segmentation

cross join accepted

left join segments
    on
        rules.segmentation = segments.segmentation
        and rules.segment_id = segments.segment_id

where
    segments.segment_id is null
    or totals.n_customers <> accepted.n_accepted
    or abs(rules.precision * rules.n_customers - rules.n_in_segment) > 1e-6
    or abs(rules.fidelity * accepted.n_accepted - totals.n_in_segment) > 1e-6

{{ config(enabled=has_orders()) }}
-- Every line that was read is counted, and every one that was rejected.
with

lines as (

    select count(*) as n_lines from {{ ref('stg_mall__orders') }}

),

rejected as (

    select coalesce(sum(n_lines), 0) as n_rejected

    from {{ ref('fct_rejected_orders') }}

),

counts as (

    select
        sum(case when measure = 'order lines' then n else 0 end) as n_lines,
        sum(case when measure = 'rejected order lines' then n else 0 end)
            as n_rejected

    from {{ ref('fct_input_counts') }}

)

select
    lines.n_lines,
    rejected.n_rejected,
    counts.n_lines as n_lines_counted,
    counts.n_rejected as n_rejected_counted

from lines

cross join rejected

cross join counts

where
    lines.n_lines <> counts.n_lines
    or rejected.n_rejected <> counts.n_rejected

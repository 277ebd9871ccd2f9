{{ config(enabled=has_orders()) }}
-- Every line of the orders was accepted or is among the rejected.
with

lines as (

    select count(*) as n_accepted

    from {{ ref('int_orders_checked') }}

    where is_accepted

),

counts as (

    select
        sum(case when measure = 'order lines' then n else 0 end) as n_lines,
        sum(case when measure = 'rejected order lines' then n else 0 end)
            as n_rejected

    from {{ ref('fct_input_counts') }}

)

select
    lines.n_accepted,
    counts.n_lines,
    counts.n_rejected

from lines

cross join counts

where lines.n_accepted + counts.n_rejected <> counts.n_lines

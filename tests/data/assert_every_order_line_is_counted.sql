{{ config(enabled=has_orders()) }}
-- Every line of the orders that was not accepted is among the rejected.
with

lines as (

    select count(*) - sum(case when is_accepted then 1 else 0 end) as n_lines

    from {{ ref('int_orders_checked') }}

),

rejected as (

    select coalesce(sum(n_lines), 0) as n_rejected

    from {{ ref('fct_rejected_orders') }}

)

select
    lines.n_lines,
    rejected.n_rejected

from lines

cross join rejected

where lines.n_lines <> rejected.n_rejected

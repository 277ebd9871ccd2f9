with

counts as (

    select
        sum(case when measure = 'input rows' then n else 0 end) as n_rows,
        sum(case when measure = 'accepted customers' then n else 0 end)
            as n_accepted,
        sum(case when measure = 'rejected rows' then n else 0 end)
            as n_rejected

    from {{ ref('fct_input_counts') }}

),

read as (

    select count(*) as n_read

    from {{ ref('stg_mall__customers' if has_customers()
        else 'int_customers_with_orders') }}

),

assigned as (

    select count(*) as n_assigned from {{ ref('int_customers_assigned') }}

)

select
    counts.*,
    read.n_read,
    assigned.n_assigned

from counts

cross join read

cross join assigned

where
    counts.n_rows <> read.n_read
    or counts.n_accepted + counts.n_rejected <> counts.n_rows
    or assigned.n_assigned <> counts.n_accepted

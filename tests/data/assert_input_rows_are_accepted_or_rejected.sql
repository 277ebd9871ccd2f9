-- What the gates counted from groups is what the tables hold, row by row.
with

input_rows as (

    select count(*) as n_counted from {{ ref('base_mall__customers') }}

),

customers as (

    select
        count(*) as n_accepted,
        sum(case when is_imputed then 1 else 0 end) as n_imputed

    from {{ ref('dim_customers') }}

),

rejected as (

    select count(*) as n_counted from {{ ref('fct_rejected_customers') }}

),

counted as (

    select
        'input rows' as measure,
        n_counted

    from input_rows

    union all

    select
        'accepted customers' as measure,
        n_accepted as n_counted

    from customers

    union all

    select
        'imputed customers' as measure,
        n_imputed as n_counted

    from customers

    union all

    select
        'rejected rows' as measure,
        n_counted

    from rejected

),

stated as (

    select * from {{ ref('fct_input_counts') }}

),

differences as (

    select
        counted.measure,
        counted.n_counted,
        stated.n as n_stated

    from counted

    left join stated
        on counted.measure = stated.measure

    where
        stated.n is null
        or counted.n_counted <> stated.n

    union all

    select
        'accepted and rejected' as measure,
        customers.n_accepted + rejected.n_counted as n_counted,
        input_rows.n_counted as n_stated

    from input_rows

    cross join customers

    cross join rejected

    where customers.n_accepted + rejected.n_counted <> input_rows.n_counted

)

select * from differences

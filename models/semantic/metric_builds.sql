{#- One build is known here, so one day is all the time that metrics have. -#}
with

counts as (

    select * from {{ ref('fct_input_counts') }}

),

started as (

    select * from {{ ref('int_build_started') }}

),

summed as (

    select
        sum(case when measure = 'input rows' then n else 0 end) as n_input_rows,
        sum(case when measure = 'rejected rows' then n else 0 end)
            as n_rejected_rows,
        sum(case when measure = 'imputed customers' then n else 0 end)
            as n_imputed_customers,
        sum(case when measure = 'accepted customers' then n else 0 end)
            as n_accepted_customers

    from counts

),

dated as (

    select
        cast(
            concat(
                substring(started.build_id, 1, 4),
                '-',
                substring(started.build_id, 5, 2),
                '-',
                substring(started.build_id, 7, 2)
            ) as date
        ) as built_on,

        cast(summed.n_input_rows as bigint) as n_input_rows,
        cast(summed.n_rejected_rows as bigint) as n_rejected_rows,
        cast(summed.n_imputed_customers as bigint) as n_imputed_customers,
        cast(summed.n_accepted_customers as bigint) as n_accepted_customers

    from summed

    cross join started

)

select * from dated

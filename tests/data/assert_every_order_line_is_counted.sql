{{ config(enabled=has_orders()) }}
-- Every line of the orders is either accepted or among the rejected.
with

counted as (

    select
        (select count(*) from {{ ref('stg_mall__orders') }}) as n_staged,
        (
            select count(*) from {{ ref('int_orders_checked') }}

            where is_accepted
        ) as n_accepted,
        (
            select coalesce(sum(n_lines), 0) from {{ ref('fct_rejected_orders') }}
        ) as n_rejected

)

select * from counted

where n_staged <> n_accepted + n_rejected

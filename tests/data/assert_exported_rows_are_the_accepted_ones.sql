with

customers as (

    select
        count(*) as n_rows,
        sum(source_row) as sum_of_source_rows

    from {{ ref('int_customers_imputed') }}

),

exported as (

    select
        count(*) as n_rows,
        sum(source_row) as sum_of_source_rows

    from {{ ref('int_customers_segmented') }}

)

select
    customers.n_rows as n_accepted,
    exported.n_rows as n_exported

from customers

cross join exported

where
    customers.n_rows <> exported.n_rows
    or customers.sum_of_source_rows <> exported.sum_of_source_rows

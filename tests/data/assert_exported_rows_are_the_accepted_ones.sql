-- depends_on: {{ ref('int_input_counts') }}
with

exported as (

    select
        count(*) as n_rows,
        coalesce(sum(source_row), 0) as sum_of_source_rows

    from {{ ref('int_customers_segmented') }}

),

customers as (

    select
        count(*) as n_rows,
        coalesce(sum(source_row), 0) as sum_of_source_rows

    from {{ ref('int_customers_imputed') }}

    {% if not exports_rows() -%}
    where false
    {%- endif %}

)

select
    customers.n_rows as n_accepted,
    exported.n_rows as n_exported

from customers

cross join exported

where
    customers.n_rows <> exported.n_rows
    or customers.sum_of_source_rows <> exported.sum_of_source_rows

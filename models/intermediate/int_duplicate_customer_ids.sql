with

customers as (

    select * from {{ ref('stg_mall__customers') }}

),

repeated_ids as (

    {{ repeated_ids(
        ref('stg_mall__customers'), 'customer_id', 'customer_number'
    ) }}

),

duplicates as (

    select
        customers.customer_id,

        max(customers.customer_number) as customer_number,
        count(*) as n_rows,
        min(customers.source_row) as first_source_row,
        count(distinct concat_ws(
            '|',
            customers.gender,
            {%- for feature in var('features') %}
            coalesce(
                cast(customers.{{ feature.name }} as {{ dbt.type_string() }}),
                customers.{{ feature.name }}_text,
                ''
            ){{ ',' if not loop.last }}
            {%- endfor %}
        )) > 1 as is_conflicting

    from customers

    inner join repeated_ids
        on customers.customer_id = repeated_ids.customer_id

    group by customers.customer_id

)

select * from duplicates

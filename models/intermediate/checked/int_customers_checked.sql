with

customers as (

    select *

    from {{ ref('int_customers_with_orders') if has_orders()
        else ref('stg_mall__customers') }}

)
{%- if has_customers() %},

duplicates as (

    select * from {{ ref('int_duplicate_customer_ids') }}

)
{%- endif %}

{{ checking(
    checked_columns(all_features()),
    'customers',
    'duplicates' if has_customers() else none,
    var('missing_values')
) }}

with

customers as (

    select * from {{ ref('int_customers_checked') }}

)

select
    source_row,
    customer_id,
    gender_text,
    {%- for feature in var('features') %}
    {{ feature.name }}_text,
    {%- endfor %}
    rejection_reasons

from customers

where not is_accepted

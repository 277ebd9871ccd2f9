with

customers as (

    select * from {{ ref('int_customers_checked') }}

)

select
    source_row,
    customer_id,
    {%- for feature in customer_features() %}
    {{ feature.name }}_text,
    {%- endfor %}
    rejection_reasons

from customers

where not is_accepted

-- depends_on: {{ ref('base_mall__customers') }}
-- depends_on: {{ ref('int_combinations') }}
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

where
    not is_accepted
    {%- if not rejects_rows() %}
    and false
    {%- endif %}

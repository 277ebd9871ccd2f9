{#- A view, unless each reading would number all rows of a model anew. -#}
{%- set model = var('customers_model') -%}
{{ config(materialized='table' if model else 'view') }}
{%- set customers = ref(*model.split('.')) if model
    else ref('base_mall__customers') %}

with

customers as (
    {%- if model %}

    select
        row_number() over (order by customer_id) as source_row,
        customer_id
        {%- for feature in customer_features() %},
        {{ feature.name }}
        {%- endfor %}

    from {{ customers }}
    {%- else %}

    select * from {{ customers }}
    {%- endif %}

)

{{ reading(customers_file(), 'customers', engine=read_engine()) }}

{#-
A view where reading is cheap. The cells of a text file are looked at once, and the
rows of a model are numbered once.
-#}
{%- set model = var('customers_model') -%}
{%- set path = var('customers_path') | string | lower -%}
{%- set is_cheap = not model
    and (not var('customers_path') or path.endswith('.parquet')) -%}
{{ config(materialized='view' if is_cheap else 'table') }}
{%- set customers = ref(*model.split('.')) if model
    else ref('base_mall__customers') %}
{%- do refuse_missing_columns(customers) if model %}

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

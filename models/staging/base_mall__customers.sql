{#-
The seed, or the file that `customers_path` names: a CSV file is loaded once, because
each reading would parse it again; Parquet is read where it lies. Spark loads both once,
because it may number the rows differently each time.
-#}
{%- set path = var('customers_path') -%}
{%- set is_numbered_alike = target.type == 'duckdb'
    and (not path or (path | string | lower).endswith('.parquet')) -%}
{{ config(materialized='view' if is_numbered_alike else 'table') }}

{%- if path -%}
    {%- set input = customers_input() -%}
{%- else -%}
    {%- set seed = ref('Mall_Customers') -%}
    {%- set input = {'relation': seed, 'source_row': seed_row()} -%}
{%- endif %}

-- A common table expression would hide the engine's own row number.
select
    {{ input.source_row }} as source_row,

    customers.*

from {{ input.relation }} as customers

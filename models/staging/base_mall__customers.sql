{#-
The seed, or the file that `customers_path` names: a CSV file is loaded once, because
each reading would parse it again; Parquet is read where it lies.
-#}
{%- set path = var('customers_path') -%}
{{ config(materialized=(
    'view' if not path or (path | string | lower).endswith('.parquet') else 'table'
)) }}

{%- if not path %}

-- A common table expression would hide the engine's own row number.
select
    customers.rowid + 1 as source_row,

    customers.*

from {{ ref('Mall_Customers') }} as customers

{%- else %}

{%- set input = customers_input() %}

select
    {{ input.source_row }} as source_row,

    customers.*

from {{ input.relation }} as customers

{%- endif %}

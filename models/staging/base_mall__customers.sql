{#-
The seed, or the file that `customers_path` names: a CSV file is loaded once, because
each reading would parse it again; Parquet is read where it lies. Spark loads both once,
because it may number the rows differently each time.
-#}
{%- set path = var('customers_path') -%}
{%- set is_read_in_place = target.type == 'duckdb'
    and (not path or (path | string | lower).endswith('.parquet')) -%}
{{ config(
    materialized='view' if is_read_in_place else 'table',
    enabled=not var('customers_model'),
) }}
{%- set input = customers_input() %}

select
    {{ input.source_row }} as source_row,

    *

from {{ input.relation }}
{%- if flags.EMPTY %}

where 1 = 0
{%- endif %}

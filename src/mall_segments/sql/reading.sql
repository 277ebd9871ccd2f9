{#-
From the columns of a file to canonical ones.

dbt reads this file among its macros and the package renders it with plain Jinja, so it
uses nothing of dbt's. What is known of a file is a dictionary:

    {'customer_id': {'text': SQL, 'number': none, 'header': 'ID', 'is_text': true},
     'columns': [
        {'name': 'income', 'type': 'number', 'text': SQL, 'number': SQL},
        {'name': 'gender', 'type': 'category', 'text': none, 'levels': {'f': ['woman']}}],
     'surplus': 'surplus_cells'}

`text` is the SQL of a cell as text, null where it holds no value, and `number` that of
a cell as a double; both are none where the file lacks the column. `levels` is none
where each text is a level. `surplus` is the quoted column of cells beyond the header.
`is_text` says whether the file itself has texts there, `number` is a whole number.
-#}

{% macro reading(file, relation, kept=[], engine='duckdb', has_texts=true) %}
{#-
A select of `source_row`, `customer_id`, `customer_number` (the id, if it is a whole
number), the columns, per column `<name>_is_missing` and, if wanted, `<name>_text`, and
`is_repeated_header`, `is_conflict_marker` and `has_surplus_cells`; besides them the
expressions `kept`. `relation` has `source_row` and the cells. A text that every row
needs is worked out once, below; that of a number where the cell is none.
-#}
{%- set id = file.customer_id -%}
{%- set nothing = 'cast(null as string)' -%}
{%- set first = id or (file.columns | selectattr('text') | first) -%}
{%- set first_text = 'mall_segments_customer_id' if id else first.text -%}
select
    source_row,
    mall_segments_customer_id as customer_id,
    {{ id.get('number') if id and id.get('number') else 'try_cast(mall_segments_customer_id as bigint)' }} as customer_number,
    {%- for column in file.columns %}
    {%- set text = column.text or nothing %}
    {%- if column.type == 'category' %}
    {%- set text = 'mall_segments_' ~ column.name %}
    {{ level_of(text, column.get('levels'), engine) }} as {{ column.name }},
    {{ text }} is null as {{ column.name }}_is_missing,
    {%- else %}
    mall_segments_{{ column.name }} as {{ column.name }},
    case when mall_segments_{{ column.name }} is not null then false else {{ text }} is null end as {{ column.name }}_is_missing,
    {%- endif %}
    {%- if has_texts %}
    {{ text }} as {{ column.name }}_text,
    {%- endif %}
    {%- endfor %}
    {%- for expression in kept %}
    {{ expression }},
    {%- endfor %}
    {%- if first and first.get('is_text') %}
    coalesce(lower({{ first_text }}) = {{ sql_text(first.header | lower | trim, engine) }}, false) as is_repeated_header,
    {%- for sign in '<=>|' %}
    {{ 'coalesce(' if loop.first else 'or ' }}{{ first_text }} like '{{ sign * 7 }}%'
    {%- endfor %}, false) as is_conflict_marker,
    {%- else %}
    false as is_repeated_header,
    false as is_conflict_marker,
    {%- endif %}
    {#- Blanks of any kind beyond the header say nothing. #}
    {{ 'coalesce(regexp_matches(' ~ file.surplus ~ ", '[^\\s\\pZ\\x{AD}\\x{200B}-\\x{200F}\\x{2060}\\x{FEFF}]'), false)" if file.surplus else 'false' }} as has_surplus_cells
from (
    select
        *,
        {{ id.text if id else nothing }} as mall_segments_customer_id
        {%- for column in file.columns %},
        {%- if column.type == 'category' %}
        {{ column.text or nothing }} as mall_segments_{{ column.name }}
        {%- else %}
        {#- A number of the file's own that is no number is a missing value. #}
        nullif({{ column.number or 'cast(null as double)' }}, cast('nan' as double)) as mall_segments_{{ column.name }}
        {%- endif %}
        {%- endfor %}
    from {{ relation }}
) as cells
{%- endmacro %}

{% macro level_of(text, levels, engine='duckdb') -%}
{#- The level that a text spells; `unknown` where it is missing or in no list. -#}
{%- if levels is none -%}
coalesce({{ text }}, 'unknown')
{%- else -%}
case lower({{ text }})
    {%- for level, spellings in levels.items() %}
    {%- for spelling in [level] + (spellings | list) %} when {{ sql_text(spelling | lower | trim, engine) }} then {{ sql_text(level, engine) }}{% endfor %}
    {%- endfor %} else 'unknown' end
{%- endif -%}
{%- endmacro %}

{% macro sql_text(text, engine='duckdb') -%}
{%- if engine == 'spark' -%}
'{{ text | replace("\\", "\\\\") | replace("'", "\\'") }}'
{%- else -%}
'{{ text | replace("'", "''") }}'
{%- endif -%}
{%- endmacro %}

{% macro plain_text(cell) -%}
{#- A cell as text where the package has not looked at the file. -#}
{%- set text = 'trim(cast(' ~ cell ~ ' as string))' -%}
case when lower({{ text }}) not in ({{ no_values() }}) then {{ text }} end
{%- endmacro %}

{% macro no_values() -%}
{#- Texts that say that there is no value, as `number_formats.NO_VALUES` has them. -#}
'', '?', '-', '--', '.', 'unknown', 'n/a', 'na', 'null', 'none', 'nan', '#n/a', '<na>', 'nil', 'missing', '(null)', 'n.a.', '–', '—'
{%- endmacro %}

{% macro plain_number(cell, engine='duckdb') -%}
{#- A cell as a double, likewise; thousands may have commas. -#}
try_cast(case when {{ matches('trim(' ~ cell ~ ')', '^-?[0-9]{1,3}(,[0-9]{3})+([.][0-9]+)?$', engine) }} then replace({{ cell }}, ',', '') else cast({{ cell }} as string) end as double)
{%- endmacro %}

{% macro matches(text, pattern, engine) -%}
{{ text ~ ' rlike ' if engine == 'spark' else 'regexp_matches(' ~ text ~ ', ' }}'{{ pattern }}'{{ ')' if engine != 'spark' }}
{%- endmacro %}

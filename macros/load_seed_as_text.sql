{% macro duckdb__create_csv_table(model, agate_table) %}
    {#-
    Seeds are created with text columns only. dbt would infer types, and a shop's own
    file then loses the zeros of 0042, or fails to load because one age reads "?".
    Staging casts, safely and in one place.
    -#}
    {%- set sql -%}
        create table {{ this.render() }} (
            {%- for name in agate_table.column_names %}
            {{ adapter.quote(name | replace('"', '""')) }} varchar
            {{- ',' if not loop.last }}
            {%- endfor %}
        )
    {%- endset -%}
    {%- call statement('_') -%}{{ sql }}{%- endcall -%}
    {{ return(sql) }}
{% endmacro %}

{#- How seeds are loaded, where the adapter's own way would not do. -#}

{% macro duckdb__create_csv_table(model, agate_table) %}
    {{ return(create_text_table(agate_table)) }}
{% endmacro %}

{% macro sparksession__create_csv_table(model, agate_table) %}
    {{ return(create_text_table(agate_table, file_format_clause())) }}
{% endmacro %}

{% macro create_text_table(agate_table, file_format='') %}
    {#-
    Seeds are created with text columns only. dbt would infer types, and a shop's own
    file then loses the zeros of 0042, or fails to load because one age reads "?".
    Staging casts, safely and in one place.
    -#}
    {%- set sql -%}
        create table {{ this.render() }} (
            {%- for name in agate_table.column_names %}
            {{ quoted_name(name) }} {{ dbt.type_string() }}
            {{- ',' if not loop.last }}
            {%- endfor %}
        ) {{ file_format }}
    {%- endset -%}
    {%- call statement('_') -%}{{ sql }}{%- endcall -%}
    {{ return(sql) }}
{% endmacro %}

{% macro duckdb__load_csv_rows(model, agate_table) %}
    {#-
    The adapter puts the path into the statement as it is: a folder named "Tom's shop"
    would end the text, and one named "[2024]" is a pattern that no file fits.
    -#}
    {%- set path = namespace(text=adapter.get_seed_file_path(model)) -%}
    {%- for sign in '[*?{' -%}
        {%- set path.text = path.text | replace(sign, '[' ~ sign ~ ']') -%}
    {%- endfor -%}
    {%- set sql -%}
        copy {{ this.render() }}
        from {{ dbt.string_literal(dbt.escape_single_quotes(path.text)) }}
        (format csv, header true, delimiter ',')
    {%- endset -%}
    {%- do adapter.add_query(sql, abridge_sql_log=true) -%}
    {{ return(sql) }}
{% endmacro %}

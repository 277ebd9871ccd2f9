{% macro sparksession__load_csv_rows(model, agate_table) %}
    {#- One write of the file instead of an insert for every few rows. -#}
    {%- do adapter.append_csv_file(
        this,
        model.root_path ~ '/' ~ model.original_file_path,
        model.config.get('delimiter') or ',',
    ) -%}
    {{ return('insert into ' ~ this ~ ' from ' ~ model.original_file_path) }}
{% endmacro %}

{% macro sparksession__create_table_as(temporary, relation, compiled_code, language='sql') -%}
    {%- if language == 'python' -%}
        {{ write_python_model(relation, compiled_code) }}
    {%- else -%}
        {{ spark__create_table_as(temporary, relation, compiled_code, language) }}
    {%- endif -%}
{%- endmacro %}

{% macro write_python_model(relation, compiled_code) %}
{{ compiled_code }}
dbt = dbtObj(spark.table)
table = model(dbt, spark)
if not hasattr(table, "write"):
    table = spark.createDataFrame(table)
table.write.mode("overwrite").format(
    "{{ config.get('file_format', 'parquet') }}"
).saveAsTable("{{ relation }}")
{%- endmacro %}

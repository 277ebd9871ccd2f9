{% macro exports_rows() %}
    {#- Whether the customers are few enough for files with a row for each. -#}
    {%- if not execute or flags.WHICH not in ('build', 'run', 'snapshot', 'test') -%}
        {{- return(true) -}}
    {%- endif -%}
    {%- set counted = run_query(
        'select n from ' ~ ref('fct_input_counts')
        ~ " where measure = 'accepted customers'"
    ) -%}
    {{- return(not counted.rows or counted.rows[0][0] <= var('export_rows_limit')) -}}
{% endmacro %}

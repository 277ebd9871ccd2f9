{% macro build_id() -%}
    {#- The name of the generation that this invocation publishes; sorts by time. -#}
    {{- run_started_at.strftime('%Y%m%dT%H%M%S.%fZ') ~ '-'
        ~ invocation_id[:8] -}}
{%- endmacro %}

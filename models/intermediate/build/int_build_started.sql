{#-
The generation that this invocation may publish; its names sort by time. The settings
are on one line: YAML escapes what is not ASCII, so the sign for a new line is free.
-#}
select
    '{{ run_started_at.strftime("%Y%m%dT%H%M%S.%fZ") }}-{{ invocation_id[:8] }}'
        as build_id,
    '{{ invocation_id }}' as invocation_id,
    {{ dbt.string_literal(dbt.escape_single_quotes(settings() | replace("\n", "␤"))) }}
        as settings_text

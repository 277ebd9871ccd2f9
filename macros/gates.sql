{#- What must hold before any model runs. -#}

{% macro refuse_impossible_builds() %}
    {#-
    Before any model runs: no publishing without every data test, no impossible
    settings, no customer file that cannot be segmented.
    -#}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'test') -%}
        {%- set tests = graph.nodes.values()
            | selectattr('resource_type', 'equalto', 'test')
            | selectattr('package_name', 'equalto', 'mall_segments')
            | selectattr('config.enabled')
            | map(attribute='unique_id') | list -%}
        {%- set left_out = tests | reject('in', selected_resources) | list -%}
        {%- if 'model.mall_segments.fct_published_tables' in selected_resources
            and left_out -%}
            {{ exceptions.raise_compiler_error(
                '`dbt ' ~ flags.WHICH ~ '` would publish without '
                ~ left_out | length ~ ' of ' ~ tests | length ~ ' data tests; run'
                ~ ' `dbt build`, or add `--exclude fct_published_tables+`'
            ) }}
        {%- endif -%}

        {#- A model with the canonical columns needs neither file nor package. -#}
        {%- if var('customers_model') -%}{{ return('') }}{%- endif -%}
        {%- set seed = graph.nodes.values()
            | selectattr('resource_type', 'equalto', 'seed')
            | selectattr('name', 'equalto', 'Mall_Customers') | first -%}
        {%- set answer = ask_package('mall_segments_preflight', {
            'settings': settings(),
            'command_line_vars': toyaml(invocation_args_dict.vars),
            'project_path': seed.root_path,
            'seed_path': seed.root_path ~ '/' ~ seed.original_file_path,
            'reads_files': target.type == 'duckdb',
        }) -%}
        {%- for note in answer.notes -%}
            {%- do log(note, info=true) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

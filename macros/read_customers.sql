{#- How a customer file is read: which columns it has and what their cells mean. -#}

{% macro ask_package(function, payload) %}
    {#- Call one of the package's SQL functions; raise the error it answers with. -#}
    {%- set answer = fromjson(
        adapter.dispatch('call_package')(function, tojson(payload))
    ) -%}
    {%- if answer.error -%}
        {{ exceptions.raise_compiler_error(answer.error) }}
    {%- endif -%}
    {{ return(answer) }}
{% endmacro %}

{% macro duckdb__call_package(function, text) %}
    {%- set argument = "'" ~ text | replace("'", "''") ~ "'" -%}
    {{ return(run_query('select ' ~ function ~ '(' ~ argument ~ ')').rows[0][0]) }}
{% endmacro %}

{% macro sparksession__call_package(function, text) %}
    {{ return(adapter.call_function(function, text)) }}
{% endmacro %}

{% macro settings() %}
    {#-
    Every setting of the project as the package reads it: as YAML, which has a way to
    write whatever --vars may hold, dates included.
    -#}
    {{ return(toyaml({
        'customers_path': var('customers_path'),
        'customer_id': var('customer_id'),
        'gender': var('gender'),
        'features': var('features'),
        'segmentations': var('segmentations'),
        'missing_values': var('missing_values'),
        'max_rejected_share': var('max_rejected_share'),
        'min_segment_share': var('min_segment_share'),
        'export_rows_limit': var('export_rows_limit'),
        'keep_generations': var('keep_generations'),
    })) }}
{% endmacro %}

{% macro refuse_impossible_builds() %}
    {#-
    Before any model runs: no publishing without every data test, no impossible
    settings, no customer file that cannot be segmented.
    -#}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'test') -%}
        {%- set tests = graph.nodes.values()
            | selectattr('resource_type', 'equalto', 'test')
            | map(attribute='unique_id') | list -%}
        {%- set left_out = tests | reject('in', selected_resources) | list -%}
        {%- if 'model.mall_segments.fct_published_tables' in selected_resources
            and left_out -%}
            {{ exceptions.raise_compiler_error(
                '`dbt ' ~ flags.WHICH ~ '` would publish without '
                ~ left_out | length ~ ' of ' ~ tests | length ~ ' data tests; run'
                ~ ' `dbt build`, or add `--exclude fct_published_tables`'
            ) }}
        {%- endif -%}

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

{% macro exports_rows() %}
    {#- Whether the customers are few enough for files with a row for each. -#}
    {%- if not execute or flags.WHICH not in ('build', 'run', 'snapshot', 'test') -%}
        {{- return(true) -}}
    {%- endif -%}
    {%- set counted = run_query(
        'select n from ' ~ ref('int_input_counts')
        ~ " where measure = 'accepted customers'"
    ) -%}
    {{- return(counted.rows[0][0] <= var('export_rows_limit')) -}}
{% endmacro %}

{% macro rejects_rows() %}
    {#-
    Whether fewer customers were accepted than the file has rows. If not, nobody has to
    look for the others: counting rows costs an engine nothing, judging them a scan.
    -#}
    {%- if not execute or flags.WHICH not in ('build', 'run', 'test') -%}
        {{- return(true) -}}
    {%- endif -%}
    {%- set counted = run_query(
        'select (select count(*) from ' ~ ref('base_mall__customers')
        ~ ') > (select coalesce(sum(n_customers), 0) from '
        ~ ref('int_combinations') ~ ')'
    ) -%}
    {{- return(counted.rows[0][0]) -}}
{% endmacro %}

{% macro customers_input() %}
    {#-
    How the engine reads the file that `customers_path` names: `relation`, the call,
    and `source_row`, the number of a row, counted from 1 over all files.
    -#}
    {%- if execute -%}
        {{- return(adapter.dispatch('customers_input')(var('customers_path'))) -}}
    {%- endif -%}
    {{- return({'relation': none, 'source_row': none}) -}}
{% endmacro %}

{% macro duckdb__customers_input(path) %}
    {{ return(ask_package('mall_segments_input', {'settings': settings()})) }}
{% endmacro %}

{% macro sparksession__customers_input(path) %}
    {#- CSV files go through a view of the session, the one place for their options. -#}
    {%- set relation = 'parquet.' ~ quoted_name(path) -%}
    {%- if path.lower().endswith(('.csv', '.csv.gz')) -%}
        {%- set relation = 'customer_files' -%}
        {%- do run_query(
            'create or replace temporary view ' ~ relation ~ ' using csv options ('
            ~ "header 'true', escape '\"', path " ~ dbt.string_literal(
                dbt.escape_single_quotes(path)
            ) ~ ')'
        ) -%}
    {%- endif -%}
    {{ return({'relation': relation, 'source_row': seed_row()}) }}
{% endmacro %}

{% macro seed_row() %}
    {#- The number of a row of the seed, selected as `customers`. -#}
    {{ return(adapter.dispatch('seed_row')()) }}
{% endmacro %}

{% macro duckdb__seed_row() -%}
    {{ return('customers.rowid + 1') }}
{%- endmacro %}

{% macro sparksession__seed_row() -%}
    {{ return('monotonically_increasing_id() + 1') }}
{%- endmacro %}

{% macro recognised_columns(relation) %}
    {#-
    The column of `relation` that holds each canonical name, as a dictionary:

        {'customer_id': {'name': 'CustomerID', 'is_text': true, 'is_whole': false}}

    Before the file is loaded (`dbt compile` on a fresh clone) the first alias of
    each stands in. A name absent from the file (only gender may be) is none.
    -#}
    {%- set published = {
        'customer_id': {'name': var('customer_id').aliases[0]},
        'gender': {'name': var('gender').aliases[0]},
    } -%}
    {%- for feature in var('features') -%}
        {%- do published.update(
            {feature.name: {'name': (feature.aliases or [feature.name])[0]}}
        ) -%}
    {%- endfor -%}
    {%- for column in published.values() -%}
        {%- do column.update({'is_text': true, 'is_whole': false}) -%}
    {%- endfor -%}
    {%- if not execute -%}{{ return(published) }}{%- endif -%}

    {%- set columns = adapter.get_columns_in_relation(relation)
        | rejectattr('name', 'in', ['source_row', 'surplus_cells']) | list -%}
    {%- if not columns -%}{{ return(published) }}{%- endif -%}

    {%- set found = ask_package('mall_segments_recognise', {
        'header': columns | map(attribute='name') | list,
        'settings': settings(),
    }).columns -%}
    {%- set recognised = {} -%}
    {%- for name in published -%}
        {%- set column = columns | selectattr('name', 'equalto', found[name]) | first
            if found.get(name) is not none else none -%}
        {%- do recognised.update({name: {
            'name': column.name,
            'is_text': column.is_string(),
            'is_whole': column.is_integer(),
        } if column else none}) -%}
    {%- endfor -%}
    {{ return(recognised) }}
{% endmacro %}

{% macro quoted_column(column) -%}
    {#- The column's name as nothing but a name, whatever it contains. -#}
    {{ quoted_name(column.name) }}
{%- endmacro %}

{% macro quoted_name(name) -%}
    {#- The name in the engine's quotes, those within it doubled. -#}
    {%- set mark = adapter.quote('')[0] -%}
    {{ adapter.quote(name | replace(mark, mark ~ mark)) }}
{%- endmacro %}

{% macro trimmed_text(column) %}
    {#-
    The cell as text without surrounding blanks; blank and "no value" are null. A
    column of whole numbers has neither.
    -#}
    {%- if column.is_whole -%}
    {{ dbt.cast(quoted_column(column), dbt.type_string()) }}
    {%- else -%}
    {%- set text = 'trim(' ~ dbt.cast(quoted_column(column), dbt.type_string())
        ~ ')' -%}
    case
        when lower({{ text }}) not in (
            '', '?', '-', 'unknown', 'n/a', 'na', 'null', 'none', 'nan', '#n/a'
        )
            then {{ text }}
    end
    {%- endif -%}
{%- endmacro %}

{% macro number_from(column, name) %}
    {#-
    The cell as a double, from `<name>_text` or, where the file has numbers, from
    `<name>_raw`; text such as 150,000.00 loses its thousands commas.
    -#}
    {%- if column.is_text -%}
    try_cast(
        case
            when {{ matches_pattern(
                name ~ '_text', '^-?[0-9]{1,3}(,[0-9]{3})+([.][0-9]+)?$'
            ) }}
                then replace({{ name }}_text, ',', '')
            else {{ name }}_text
        end as double
    )
    {%- else -%}
    cast({{ name }}_raw as double)
    {%- endif -%}
{%- endmacro %}

{% macro matches_pattern(text, pattern) %}
    {{- return(adapter.dispatch('matches_pattern')(text, pattern)) -}}
{% endmacro %}

{% macro default__matches_pattern(text, pattern) -%}
    {{ text }} rlike '{{ pattern }}'
{%- endmacro %}

{% macro duckdb__matches_pattern(text, pattern) -%}
    regexp_matches({{ text }}, '{{ pattern }}')
{%- endmacro %}

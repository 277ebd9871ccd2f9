{#- How customers are read: which columns a file has and what their cells mean. -#}

{% macro ask_package(function, payload) %}
    {#- Call one of the package's SQL functions; raise the error it answers with. -#}
    {%- set answer = fromjson(
        adapter.dispatch('call_package', 'mall_segments')(function, tojson(payload))
    ) -%}
    {%- if answer.error -%}
        {{ exceptions.raise_compiler_error(answer.error) }}
    {%- endif -%}
    {{ return(answer) }}
{% endmacro %}

{% macro default__call_package(function, text) %}
    {#- Which only the two engines below run beside dbt. -#}
    {{ return(tojson({'error':
        'On ' ~ target.type ~ ', customers and orders are read from models only: name '
        ~ 'yours in `customers_model` and `orders_model`, or one of them.'
    })) }}
{% endmacro %}

{% macro duckdb__call_package(function, text) %}
    {%- set argument = "'" ~ text | replace("'", "''") ~ "'" -%}
    {{ return(run_query('select ' ~ function ~ '(' ~ argument ~ ')').rows[0][0]) }}
{% endmacro %}

{% macro sparksession__call_package(function, text) %}
    {{ return(adapter.call_function(function, text)) }}
{% endmacro %}

{% macro customer_features() %}
    {#- The columns of the customers' own file or model: the gender and the features. -#}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- set gender = var('gender') -%}
    {{ return(
        ([{
            'name': 'gender', 'type': 'category', 'aliases': gender.aliases,
            'levels': {'female': gender.female, 'male': gender.male},
        }] if gender else []) + var('features')
    ) }}
{% endmacro %}

{% macro checked_columns(features) %}
    {#- Features as `checking` takes them: logarithms are of values from 0. -#}
    {%- set columns = [] -%}
    {%- for feature in features -%}
        {%- set least = 0 if feature.get('transform') == 'log' else none -%}
        {%- set minimum = feature.get('minimum') -%}
        {%- do columns.append({
            'name': feature.name,
            'type': feature.get('type', 'number'),
            'minimum': least if minimum is none else minimum,
            'maximum': feature.get('maximum'),
            'is_whole': feature.get('is_whole', false),
        }) -%}
    {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}

{% macro read_engine() %}
    {#- Whose quotes a text has: doubled within it, or after a backslash. -#}
    {{- return('duckdb' if target.type in ('duckdb', 'postgres') else 'spark') -}}
{% endmacro %}

{% macro opened_customers() %}
    {#- The file as the package found it: `relation`, `source_row`, `columns`, … -#}
    {%- set seed = graph.nodes.values()
        | selectattr('resource_type', 'equalto', 'seed')
        | selectattr('name', 'equalto', 'Mall_Customers') | first -%}
    {{ return(ask_package('mall_segments_input', {
        'settings': settings(),
        'seed_path': seed.root_path ~ '/' ~ seed.original_file_path,
    })) }}
{% endmacro %}

{% macro customers_input() %}
    {#- What follows `from`, and the expression that numbers its rows from 1. -#}
    {%- if execute and var('customers_path') -%}
        {{- return(adapter.dispatch('customers_input', 'mall_segments')(var('customers_path'))) -}}
    {%- endif -%}
    {{- return({'relation': ref('Mall_Customers'), 'source_row': seed_row()}) -}}
{% endmacro %}

{% macro default__customers_input(path) %}
    {{ return(opened_customers()) }}
{% endmacro %}

{% macro sparksession__customers_input(path) %}
    {{ return({
        'relation': spark_file_relation(path, 'customer_files'), 'source_row': seed_row()
    }) }}
{% endmacro %}

{% macro spark_file_relation(path, view) %}
    {#- CSV files go through a view of the session, the one place for their options. -#}
    {%- if not path.lower().endswith(('.csv', '.csv.gz')) -%}
        {{- return('parquet.' ~ quoted_name(path)) -}}
    {%- endif -%}
    {%- do run_query(
        'create or replace temporary view ' ~ view ~ ' using csv options ('
        ~ "header 'true', escape '\"', path " ~ dbt.string_literal(
            dbt.escape_single_quotes(path)
        ) ~ ')'
    ) -%}
    {{- return(view) -}}
{% endmacro %}

{% macro seed_row() %}
    {{- return(
        'row_number() over ()' if target.type == 'duckdb'
        else 'monotonically_increasing_id() + 1'
    ) -}}
{% endmacro %}

{% macro customers_file() %}
    {#- The customers as `reading` takes them, whatever they come from. -#}
    {%- set text = 'cast(customer_id as ' ~ dbt.type_string() ~ ')' -%}
    {%- set file = {
        'customer_id': {'text': text, 'is_text': false}, 'columns': [], 'surplus': none,
    } -%}
    {%- if not execute -%}{{ return(file) }}{%- endif -%}
    {%- set found = {} if var('customers_model') else recognised_columns() -%}
    {%- for feature in customer_features() -%}
        {%- if var('customers_model') -%}
            {%- set text = 'cast(' ~ feature.name ~ ' as ' ~ dbt.type_string() ~ ')' -%}
            {%- do found.update({feature.name: {
                'text_sql': text, 'number_sql': 'cast(' ~ feature.name ~ ' as double)',
            }}) -%}
        {%- endif -%}
        {%- set column = found.get(feature.name, {}) -%}
        {%- do file.columns.append({
            'name': feature.name,
            'type': feature.get('type', 'number'),
            'levels': feature.get('levels'),
            'text': column.get('text_sql'),
            'number': column.get('number_sql'),
        }) -%}
    {%- endfor -%}
    {%- if found.customer_id -%}
        {%- do file.update({'surplus': found.surplus, 'customer_id': {
            'text': found.customer_id.id_sql,
            'header': found.customer_id.column,
            'is_text': found.customer_id.kind == 'text',
            'number': 'cast(' ~ quoted_name(found.customer_id.column) ~ ' as bigint)'
                if found.customer_id.kind == 'whole' else none,
        }}) -%}
    {%- endif -%}
    {{ return(file) }}
{% endmacro %}

{% macro refuse_missing_columns(relation) %}
    {#- A model of customers has a column for the id and for each feature, by its name. -#}
    {%- set found = adapter.get_columns_in_relation(relation)
        | map(attribute='name') | list if execute else [] -%}
    {%- set wanted = ['customer_id'] + (customer_features() | map(attribute='name') | list) -%}
    {%- set missing = wanted | reject('in', found | map('lower') | list) | list -%}
    {%- if found and missing -%}
        {{ exceptions.raise_compiler_error(
            '`customers_model` ' ~ relation.identifier ~ ' has no column '
            ~ missing | join(', ') ~ '; it has ' ~ found | join(', ')
            ~ '. A feature is read from the column of its name.'
        ) }}
    {%- endif -%}
{% endmacro %}

{% macro recognised_columns() %}
    {#- Canonical name to the SQL of its cells; `surplus` to the surplus column. -#}
    {{- return(adapter.dispatch('recognised_columns', 'mall_segments')()) -}}
{% endmacro %}

{% macro default__recognised_columns() %}
    {%- set opened = opened_customers() -%}
    {%- set found = opened.columns -%}
    {%- do found.update({
        'surplus': quoted_name(opened.surplus_column)
            if opened.surplus_column and var('customers_path') else none,
    }) -%}
    {{ return(found) }}
{% endmacro %}

{% macro sparksession__recognised_columns() %}
    {%- set columns = adapter.get_columns_in_relation(ref('base_mall__customers'))
        | rejectattr('name', 'equalto', 'source_row') | list -%}
    {%- set answer = ask_package('mall_segments_recognise', {
        'header': columns | map(attribute='name') | list, 'settings': settings(),
    }) -%}
    {%- set found = {} -%}
    {%- for name, header in answer.columns.items() if header is not none -%}
        {%- set cell = quoted_name(header) -%}
        {%- do found.update({name: {
            'column': header,
            'kind': 'text',
            'text_sql': plain_text(cell),
            'id_sql': plain_text(cell),
            'number_sql': plain_number(cell, 'spark'),
        }}) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}

{% macro quoted_name(name) -%}
    {#- The name in the engine's quotes, those within it doubled. -#}
    {%- set mark = adapter.quote('')[0] -%}
    {{ adapter.quote(name | replace(mark, mark ~ mark)) }}
{%- endmacro %}

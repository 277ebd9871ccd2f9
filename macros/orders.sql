{#- Where orders come from, how their cells are read, and what their settings are. -#}

{% macro orders_settings() %}
    {#-
    Everything under `orders`, with its defaults: `--vars '{orders: {as_of: …}}'`
    replaces the whole var, so what it leaves out is filled in here.
    -#}
    {%- set settings = {
        'as_of': none,
        'window_days': none,
        'returns': 'subtract',
        'minimum_orders': 1,
        'day_first': none,
        'cancellation_prefix': 'C',
        'columns': {},
        'cut_points': {},
    } -%}
    {%- do settings.update(var('orders', none) or {}) -%}
    {{ return(settings) }}
{% endmacro %}

{% macro has_own_customers() %}
    {#- Whether a file or model of customers is named. -#}
    {{ return(
        (var('customers_path', none) or var('customers_model', none)) is not none
    ) }}
{% endmacro %}

{% macro has_own_orders() %}
    {#- Whether a file or model of orders is named. -#}
    {{ return(
        (var('orders_path', none) or var('orders_model', none)) is not none
    ) }}
{% endmacro %}

{% macro has_customers() %}
    {#- Whether customers have rows of their own: else those of the orders are read. -#}
    {{ return(has_own_customers() or not has_own_orders()) }}
{% endmacro %}

{% macro has_orders() %}
    {#- Whether there are orders: named ones, or the seed beside the seed of customers. -#}
    {{ return(has_own_orders() or not has_own_customers()) }}
{% endmacro %}

{% macro orders_input() %}
    {#-
    How orders are read: `relation`, what follows `from`, with the canonical names;
    `columns`, by canonical name text, integer, float or moment; `numbers`, by name the
    SQL of a number that is text; and `date_format`, for moments that are text: iso,
    day_first, month_first or compact.
    -#}
    {%- if var('orders_path', none) -%}
        {%- if execute -%}
            {{- return(adapter.dispatch('orders_input', 'mall_segments')()) -}}
        {%- endif -%}
        {{- return({
            'relation': 'orders', 'columns': {}, 'numbers': {}, 'date_format': 'iso',
        }) -}}
    {%- endif -%}
    {%- set relation = ref(*(var('orders_model', none) or 'orders').split('.')) -%}
    {{ return({
        'relation': relation,
        'columns': canonical_order_columns(relation),
        'numbers': {},
        'date_format': {true: 'day_first', false: 'month_first', none: 'iso'}[
            orders_settings().day_first if var('orders_model', none) else none
        ],
    }) }}
{% endmacro %}

{% macro default__orders_input() %}
    {{ return(ask_package('mall_segments_orders', {'settings': settings()})) }}
{% endmacro %}

{% macro sparksession__orders_input() %}
    {#- Spark opens the files itself; the package recognises the columns. -#}
    {%- set relation = spark_file_relation(var('orders_path'), 'order_files') -%}
    {%- set columns = {} -%}
    {%- for row in run_query('describe query select * from ' ~ relation).rows -%}
        {%- do columns.update({row[0]: order_column_type(row[1])}) -%}
    {%- endfor -%}
    {{ return(ask_package('mall_segments_orders', {
        'settings': settings(), 'relation': relation, 'header': columns,
    })) }}
{% endmacro %}

{% macro canonical_order_columns(relation) %}
    {#- The type of each canonical column that a relation has, refused if it lacks one. -#}
    {%- set found = {} -%}
    {%- if not execute -%}{{- return(found) -}}{%- endif -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do found.update({column.name | lower: order_column_type(column.dtype)}) -%}
    {%- endfor -%}
    {%- if not found -%}{{- return(found) -}}{%- endif -%}
    {%- set missing = ['customer_id', 'ordered_at'] | reject('in', found) | list -%}
    {%- if 'amount' not in found
        and not ('quantity' in found and 'unit_price' in found) -%}
        {%- do missing.append('amount (or quantity and unit_price)') -%}
    {%- endif -%}
    {%- if missing -%}
        {{ exceptions.raise_compiler_error(
            'The orders in ' ~ relation ~ ' have no column ' ~ missing | join(', ')
            ~ '; it has ' ~ found | join(', ') ~ '.'
        ) }}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}

{% macro order_column_type(dtype) %}
    {#- Whether values of an engine's type are text, integer, float or moment. -#}
    {%- set name = dtype | lower -%}
    {%- if name.startswith(('date', 'timestamp')) -%}
        {{- return('moment') -}}
    {%- elif name in ('float', 'double', 'real')
        or name.startswith(('decimal', 'numeric')) -%}
        {{- return('float') -}}
    {%- elif 'int' in name and 'interval' not in name or name == 'long' -%}
        {{- return('integer') -}}
    {%- endif -%}
    {{ return('text') }}
{% endmacro %}

{% macro order_text(input, name) %}
    {#-
    The cell as text without surrounding blanks; blank and "no value" are null, as is
    a column that the orders do not have. A key written as 17850.0 is 17850.
    -#}
    {%- set type = input.columns.get(name) -%}
    {%- set text = 'trim(' ~ dbt.cast(name, dbt.type_string()) ~ ')' -%}
    {%- if not type -%}
    {{ dbt.cast('null', dbt.type_string()) }}
    {%- elif type == 'float' -%}
    case
        when {{ name }} = floor({{ name }}) and abs({{ name }}) < 1e15
            then {{ dbt.cast(dbt.cast(name, 'bigint'), dbt.type_string()) }}
        when {{ dbt.cast(name, dbt.type_string()) }} not in ('nan', 'NaN')
            then {{ dbt.cast(name, dbt.type_string()) }}
    end
    {%- elif type in ('integer', 'moment') -%}
    {{ dbt.cast(name, dbt.type_string()) }}
    {%- else -%}
    case
        when lower({{ text }}) in ({{ no_values() }}) then null
        {%- if name in ('customer_id', 'order_id') %}
        when {{ text }} like '%.0' and try_cast({{ text }} as double) is not null
            then substr({{ text }}, 1, length({{ text }}) - 2)
        {%- endif %}
        else {{ text }}
    end
    {%- endif -%}
{%- endmacro %}

{% macro order_number(input, name) %}
    {#- The cell as a double; null where it is none, or there is no such column. -#}
    {%- set type = input.columns.get(name) -%}
    {%- if not type -%}
    {{ dbt.cast('null', 'double') }}
    {%- elif type != 'text' -%}
    {{ dbt.cast(name, 'double') }}
    {%- else -%}
    {{ input.numbers.get(name) or 'try_cast(' ~ name ~ '_text as double)' }}
    {%- endif -%}
{%- endmacro %}

{% macro order_moment(input) %}
    {#- When the order was placed, as a timestamp; null where the cell is no date. -#}
    {%- set date = "split_part(replace(replace(ordered_at_text, '.', '/'), '-', '/')"
        ~ ", ' ', 1)" -%}
    {%- set first = "lpad(split_part(" ~ date ~ ", '/', 1), 2, '0')" -%}
    {%- set second = "lpad(split_part(" ~ date ~ ", '/', 2), 2, '0')" -%}
    {%- set year = "split_part(" ~ date ~ ", '/', 3)" -%}
    {%- if input.columns.get('ordered_at') == 'moment' -%}
    cast(ordered_at as timestamp)
    {%- elif input.date_format == 'compact' -%}
    try_cast(
        substr(ordered_at_text, 1, 4) || '-' || substr(ordered_at_text, 5, 2)
        || '-' || substr(ordered_at_text, 7, 2) as timestamp
    )
    {%- elif input.date_format in ('day_first', 'month_first') -%}
    {%- set month_and_day = second ~ " || '-' || " ~ first
        if input.date_format == 'day_first'
        else first ~ " || '-' || " ~ second -%}
    try_cast(
        case when length({{ year }}) = 2 then '20' else '' end || {{ year }}
        || '-' || {{ month_and_day }}
        || substr(ordered_at_text, length({{ date }}) + 1) as timestamp
    )
    {%- else -%}
    try_cast(ordered_at_text as timestamp)
    {%- endif -%}
{%- endmacro %}

{% macro orders_as_of() %}
    {#- The date of `orders.as_of` as SQL, or none for the day after the last order. -#}
    {%- set as_of = orders_settings().as_of -%}
    {{ return("cast('" ~ as_of ~ "' as date)" if as_of else none) }}
{% endmacro %}

{% macro last_order_moment() %}
    {#-
    The moment from which an order lies in the future: the day after `orders.as_of`,
    or two days after the build, so that no time zone makes today's orders late.
    -#}
    {%- set as_of = orders_as_of() -%}
    {%- if as_of -%}
    {{ return(dbt.cast(dbt.dateadd('day', 1, as_of), 'timestamp')) }}
    {%- endif -%}
    {%- set day = run_started_at + modules.datetime.timedelta(days=2) -%}
    {{ return("cast('" ~ day.strftime('%Y-%m-%d') ~ "' as timestamp)") }}
{% endmacro %}

{% macro rfm_score(column, name, is_high_best=true) %}
    {#-
    1 (worst) to 5 (best) by fifths of the customers, or by `orders.cut_points`. Equal
    values have equal scores: the rank of the first of them decides.
    -#}
    {%- set cut_points = orders_settings().cut_points.get(name) -%}
    {%- if cut_points -%}
    case
        {%- for cut_point in cut_points %}
        {%- if is_high_best %}
        when {{ column }} < {{ cut_point }} then {{ loop.index }}
        {%- else %}
        when {{ column }} <= {{ cut_point }} then {{ 6 - loop.index }}
        {%- endif %}
        {%- endfor %}
        else {{ 5 if is_high_best else 1 }}
    end
    {%- else -%}
    cast(floor(
        cast(rank() over (
            order by {{ column }} {{ 'asc' if is_high_best else 'desc' }}
        ) - 1 as double) * 5 / count(*) over ()
    ) as integer) + 1
    {%- endif -%}
{%- endmacro %}

{% macro build_features() %}
    {#- The features of this build: the customers' own and those of the orders. -#}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {{ return(
        (var('features') if has_customers() else [])
        + (var('orders_features') if has_orders() else [])
    ) }}
{% endmacro %}

{% macro build_segmentations() %}
    {#- The segmentations of this build, likewise. -#}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {{ return(
        (var('segmentations') if has_customers() else [])
        + (var('orders_segmentations') if has_orders() else [])
    ) }}
{% endmacro %}

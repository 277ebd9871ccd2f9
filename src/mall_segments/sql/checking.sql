{#-
Which rows are customers, of what `reading.sql` gives, on DuckDB and Spark; written as
it is, for dbt and for plain Jinja. A column to check is a dictionary:

    {'name': 'income', 'type': 'number', 'minimum': 0, 'maximum': none, 'is_whole': true}
-#}

{% macro duplicates(columns, customers) %}
{#-
A select of the ids that stand in several rows: `customer_id`, `first_source_row` and
`is_conflicting`, whether the rows differ. `customers` is read more than once, so it is
a table or a view: engines may keep all rows of a common table expression.
-#}
select
    repeated.customer_id,
    min(repeated.source_row) as first_source_row,
    count(distinct concat_ws(
        '|', ''
        {%- for column in columns %},
        coalesce(cast(repeated.{{ column.name }} as string), case when repeated.{{ column.name }}_is_missing then '' else '?' end)
        {%- endfor %}
    )) > 1 as is_conflicting
from (select * from {{ customers }}) as repeated
inner join (
    {{ repeated_ids(customers) }}
) as ids
    on repeated.customer_id = ids.customer_id
group by repeated.customer_id
{%- endmacro %}

{% macro repeated_ids(customers) %}
{#-
The ids that stand in more than one row. Whole numbers are packed, 32 to a group: where
each is there once, a group has as many rows as bits. So where nothing is repeated, a
hundred million ids cost a scan and not a sort; only groups that differ are looked at.
-#}
    select customer_id
    from {{ customers }}
    where customer_id is not null and customer_number is null
    group by customer_id
    having count(*) > 1
    union all
    select customer_id
    from {{ customers }}
    where (customer_number >> 5) in (
        select customer_number >> 5
        from {{ customers }}
        where customer_number is not null
        group by customer_number >> 5
        having count(*) > bit_count(bit_or(cast(1 as bigint) << cast(customer_number & 31 as int)))
    )
    group by customer_id
    having count(*) > 1
{%- endmacro %}

{% macro checking(columns, customers, duplicates, missing_values='impute', needs_id=true) %}
{#-
A select of `customers.*` with `rejection_reasons` and `is_accepted`. Each refusal is a
list of conditions and reasons, of which the first that holds is said. Whether a row is
accepted is asked of the conditions alone: of a hundred million rows, only the rejected
ones need reasons. `duplicates` is what the macro of that name selects, none where no id
is repeated.
-#}
{%- set refusals = [
    [['is_conflict_marker', 'merge-conflict marker']],
    [['has_surplus_cells', 'more cells than the header has']],
    [['is_repeated_header', 'header row repeated']],
] -%}
{%- if needs_id -%}
    {%- set _ = refusals.append([['customer_id is null', 'customer_id: missing']]) -%}
{%- endif -%}
{%- if duplicates -%}
    {%- set _ = refusals.append([['is_repeated', 'duplicate row']]) -%}
    {%- set _ = refusals.append(
        [['is_conflicting', 'customer_id: rows with the same id differ']]
    ) -%}
{%- endif -%}
{%- set empty = [] -%}
{%- for column in columns -%}{%- set _ = empty.append(column.name ~ '_is_missing') -%}{%- endfor -%}
{%- if empty -%}
    {%- set _ = refusals.append([[empty | join(' and '), 'no feature value']]) -%}
{%- endif -%}
{%- for column in columns if column.type != 'category' -%}
    {%- set name = column.name -%}
    {%- set refusal = [
        [name ~ ' is null and not ' ~ name ~ '_is_missing', name ~ ': not a number'],
        ['abs(' ~ name ~ ") = cast('infinity' as double)", name ~ ': not finite'],
    ] -%}
    {%- for bound, sign, word in [
        (column.get('minimum'), ' < ', 'below'), (column.get('maximum'), ' > ', 'above')
    ] if bound is not none -%}
        {%- set number = bound | float -%}
        {%- set number = number | int if number == number | int else number -%}
        {%- set _ = refusal.append(
            [name ~ sign ~ number, name ~ ': ' ~ word ~ ' ' ~ number]
        ) -%}
    {%- endfor -%}
    {%- if column.get('is_whole') -%}
        {%- set _ = refusal.append(
            [name ~ ' <> round(' ~ name ~ ')', name ~ ': not a whole number']
        ) -%}
    {%- endif -%}
    {%- if missing_values == 'reject' -%}
        {%- set _ = refusal.append([name ~ '_is_missing', name ~ ': missing']) -%}
    {%- endif -%}
    {%- set _ = refusals.append(refusal) -%}
{%- endfor -%}
select
    *,
    nullif(concat_ws(
        '; '
        {%- for refusal in refusals %},
        case
            {%- for condition, reason in refusal %}
            when {{ condition }} then '{{ reason }}'
            {%- endfor %}
        end
        {%- endfor %}
    ), '') as rejection_reasons,
    not coalesce(
        {%- for refusal in refusals %}
        {%- set outer = loop %}
        {%- for condition, _ in refusal %}
        {{ 'or ' if not (outer.first and loop.first) }}({{ condition }})
        {%- endfor %}
        {%- endfor %},
        false
    ) as is_accepted
from (
    select
        customers.*
        {%- if duplicates %},
        coalesce(duplicates.is_conflicting, false) as is_conflicting,
        coalesce(
            not duplicates.is_conflicting
            and customers.source_row > duplicates.first_source_row,
            false
        ) as is_repeated
        {%- endif %}
    from (select * from {{ customers }}) as customers
    {%- if duplicates %}
    left join (select * from {{ duplicates }}) as duplicates
        on customers.customer_id = duplicates.customer_id
    {%- endif %}
) as compared
{%- endmacro %}

{#-
Each refusal is a list of conditions and reasons, of which the first that holds is said.
Whether a row is accepted is asked of the conditions alone: of a hundred million rows,
only the rejected ones need reasons.
-#}
{%- set refusals = [
    [['is_conflict_marker', 'merge-conflict marker']],
    [['has_surplus_cells', 'more cells than the header has']],
    [['is_repeated_header', 'header row repeated']],
    [['customer_id is null', 'customer_id: missing']],
    [['is_repeated', 'duplicate row']],
    [['is_conflicting', 'customer_id: rows with the same id differ']],
] -%}
{%- for feature in var('features') -%}
    {%- set name = feature.name -%}
    {%- if var('missing_values') == 'reject' -%}
        {%- do refusals.append(
            [['is_' ~ name ~ '_missing', name ~ ': missing']]
        ) -%}
    {%- endif -%}
    {%- set refusal = [
        [name ~ ' is null and not is_' ~ name ~ '_missing', name ~ ': not a number'],
        [
            name ~ " = 'nan' or abs(" ~ name ~ ") = 'infinity'",
            name ~ ': not finite',
        ],
        [name ~ ' < ' ~ feature.minimum, name ~ ': below ' ~ feature.minimum],
        [name ~ ' > ' ~ feature.maximum, name ~ ': above ' ~ feature.maximum],
    ] -%}
    {%- if feature.is_whole -%}
        {%- do refusal.append(
            [name ~ ' <> round(' ~ name ~ ')', name ~ ': not a whole number']
        ) -%}
    {%- endif -%}
    {%- do refusals.append(refusal) -%}
{%- endfor -%}
{%- set id = recognised_columns(ref('base_mall__customers')).customer_id -%}
{#- Where every id is a whole number, no text has to be made to compare it. -#}
{%- set id_column = 'customer_number' if id.is_whole else 'customer_id' -%}
with

customers as (

    select * from {{ ref('stg_mall__customers') }}

),

duplicates as (

    select * from {{ ref('int_duplicate_customer_ids') }}

),

compared as (

    select
        customers.*,

        coalesce(duplicates.is_conflicting, false) as is_conflicting,
        coalesce(
            not duplicates.is_conflicting
            and customers.source_row > duplicates.first_source_row,
            false
        ) as is_repeated

    from customers

    left join duplicates
        on customers.{{ id_column }} = duplicates.{{ id_column }}

)

select
    *,

    nullif(concat_ws(
        '; '
        {%- for refusal in refusals %},
        case
            {%- for condition, reason in refusal %}
            when {{ condition }}
                then '{{ reason }}'
            {%- endfor %}
        end
        {%- endfor %}
    ), '') as rejection_reasons,
    not coalesce(
        {%- for condition, _ in refusals | sum(start=[]) %}
        {{ 'or ' if not loop.first }}({{ condition }})
        {%- endfor %},
        false
    ) as is_accepted

from compared

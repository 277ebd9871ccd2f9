{% macro repeated_ids(relation, id, id_number) -%}
    {#-
    A query for the ids that stand in more than one row of `relation`. Ids that are
    whole numbers, `id_number`, are packed, 32 to a group: where each is there once, a
    group has as many rows as bits. So where nothing is repeated this costs a scan, not
    a sort of all ids; the few groups that differ are looked at id by id. `relation` is
    scanned three times, so it must be no common table expression: engines may keep all
    rows of one that is used more than once.
    -#}
    select {{ id }}

    from {{ relation }}

    where
        ({{ id_number }} >> 5) in (
            select {{ id_number }} >> 5 as number_group

            from {{ relation }}

            where {{ id_number }} is not null

            group by {{ id_number }} >> 5

            having count(*) > bit_count(bit_or(
                cast(1 as bigint) << cast({{ id_number }} & 31 as int)
            ))
        )

    group by {{ id }}

    having count(*) > 1

    union all

    select {{ id }}

    from {{ relation }}

    where
        {{ id_number }} is null
        and {{ id }} is not null

    group by {{ id }}

    having count(*) > 1
{%- endmacro %}

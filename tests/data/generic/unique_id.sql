{#- Finds ids that stand in more than one row, without a sort of all rows. -#}
{% test unique_id(model, column_name) %}

with

numbered as (

    select
        {{ column_name }},

        try_cast({{ column_name }} as bigint) as id_number

    from {{ model }}

)

{{ repeated_ids('numbered', column_name, 'id_number') }}

{% endtest %}

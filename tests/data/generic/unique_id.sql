{#- Finds ids that stand in more than one row, without a sort of all rows. -#}
{% test unique_id(model, column_name) %}

{{ repeated_ids(
    model, column_name, 'try_cast(' ~ column_name ~ ' as bigint)'
) }}

{% endtest %}

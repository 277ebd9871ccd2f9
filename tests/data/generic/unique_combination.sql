{#- Finds keys, combinations of `columns`, that are repeated or in any part missing. -#}
{% test unique_combination(model, columns) %}

select
    {{ columns | join(',\n    ') }},

    count(*) as n_rows

from {{ model }}

group by {{ columns | join(', ') }}

having
    count(*) > 1
    or {{ columns | join(' is null\n    or ') }} is null

{% endtest %}

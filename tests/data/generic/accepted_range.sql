{#-
Finds values outside a range. `minimum` and `maximum` are within it, `above` is not. A
null passes (add not_null where it must not); not-a-number, the largest there is, fails.
-#}
{% test accepted_range(model, column_name, minimum=none, maximum=none, above=none) %}

select {{ column_name }}

from {{ model }}

where
    {{ column_name }} = 'nan'
    {%- if minimum is not none %}
    or {{ column_name }} < {{ minimum }}
    {%- endif %}
    {%- if maximum is not none %}
    or {{ column_name }} > {{ maximum }}
    {%- endif %}
    {%- if above is not none %}
    or {{ column_name }} <= {{ above }}
    {%- endif %}

{% endtest %}

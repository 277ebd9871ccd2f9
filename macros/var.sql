{% macro var(name, default=none) %}
    {#-
    A setting, in the place of dbt's own `var`. dbt renders models once only to learn
    what they refer to, before anything can check the settings. What they loop over
    does not matter then, so settings that templates go into have a stand-in: wrong
    ones are refused in one place, by `refuse_impossible_builds`, and not by whichever
    template trips over them first.
    -#}
    {%- set stand_ins = {
        'customer_id': {'aliases': ['id']},
        'gender': {'aliases': ['gender'], 'female': ['f'], 'male': ['m']},
        'features': [{'name': 'x', 'aliases': ['x'], 'minimum': 0, 'maximum': 1,
            'resolution': 1, 'is_whole': false}],
        'segmentations': [{'name': 's', 'features': ['x']}],
    } -%}
    {%- if not execute and name in stand_ins -%}
        {{ return(stand_ins[name]) }}
    {%- endif -%}
    {{ return(builtins.var(name, default)) }}
{% endmacro %}

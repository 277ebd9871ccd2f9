with

combinations as (

    select * from {{ ref('int_combinations') }}

),

medians as (

    select
        {%- for feature in var('features') %}
        max(case when feature = '{{ feature.name }}' then median end)
            as {{ feature.name }}{{ ',' if not loop.last }}
        {%- endfor %}

    from {{ ref('int_feature_statistics') }}

)

select
    combinations.combination_id,
    combinations.gender,

    {% for feature in var('features') -%}
    coalesce(combinations.{{ feature.name }}, medians.{{ feature.name }})
        as {{ feature.name }},
    {% endfor %}
    {% for feature in var('features') -%}
    combinations.{{ feature.name }} is null as is_{{ feature.name }}_imputed,
    {% endfor %}
    {% for feature in var('features') -%}
    combinations.{{ feature.name }} is null {{ 'or ' if not loop.last }}
    {%- endfor %} as is_imputed,

    combinations.n_customers

from combinations

cross join medians

with

combinations as (

    select * from {{ ref('int_combinations') }}

)

select
    gender,
    {%- for feature in var('features') %}
    {{ on_grid(feature, feature.name) }} as {{ feature.name }},
    {%- endfor %}

    cast(sum(n_customers) as bigint) as n_customers

from combinations

group by
    gender,
    {%- for feature in var('features') %}
    {{ on_grid(feature, feature.name) }}{{ ',' if not loop.last }}
    {%- endfor %}

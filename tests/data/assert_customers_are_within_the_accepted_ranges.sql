-- Every customer has the values of a combination.
with

combinations as (

    select * from {{ ref('int_combinations_imputed') }}

)

select *

from combinations

where
    {%- for feature in var('features') %}
    {{ feature.name }} < {{ feature.minimum }}
    or {{ feature.name }} > {{ feature.maximum }}
    or
    {%- endfor %}
    is_imputed <> (
        {%- for feature in var('features') %}
        is_{{ feature.name }}_imputed {{- ' or' if not loop.last }}
        {%- endfor %}
    )

with

customers as (

    select * from {{ ref('dim_customers') }}

)

select *

from customers

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

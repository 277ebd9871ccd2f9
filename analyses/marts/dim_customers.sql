with

parameters as (

    -- What is imputed is the same in every segmentation.
    select * from {{ ref('int_parameters') }}

    {% for layout in segmentations()[:1] -%}
    where segmentation = '{{ layout.name }}'
    {%- endfor %}

)

select
    customers.customer_id
    {%- for feature in category_features() %},
    customers.{{ feature.name }}
    {%- endfor %}
    {%- for feature in banded_features() %},
    {{ band(feature, 'customers.' ~ feature.name) }} as {{ feature.bands.name }}
    {%- endfor %}
    {%- for feature in number_features() %},
    coalesce(customers.{{ feature.name }}, parameters.{{ feature.name }}_imputed) as {{ feature.name }}
    {%- endfor %}
    {%- for feature in number_features() %},
    customers.{{ feature.name }} is null as is_{{ feature.name }}_imputed
    {%- endfor %},
    (1 = 0 {%- for feature in number_features() %} or customers.{{ feature.name }} is null {%- endfor %}) as is_imputed

from {{ ref('int_customers_assigned') }} as customers

cross join parameters

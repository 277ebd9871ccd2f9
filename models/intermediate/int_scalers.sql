select
    segmentation,
    {%- for feature in var('features') %}
    max(case when feature = '{{ feature.name }}' then center end)
        as {{ feature.name }}_center,
    max(case when feature = '{{ feature.name }}' then scale end)
        as {{ feature.name }}_scale{{ ',' if not loop.last }}
    {%- endfor %}

from {{ ref('int_scaler_parameters') }}

group by segmentation

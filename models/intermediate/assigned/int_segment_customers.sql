{#- The customers once per segmentation, with the values that were observed. -#}
{%- for layout in segmentations() %}
select
    '{{ layout.name }}' as segmentation,
    {{ layout.name }}_segment_id as segment_id,
    {{ layout.name }}_is_outlier as is_outlier,

    customer_id
    {%- for feature in all_features() %},
    {{ feature.name }}
    {%- endfor %}

from {{ ref('int_customers_assigned') }}

{{ 'union all' if not loop.last }}
{%- else -%}
select * from {{ ref('int_customers_assigned') }}
{%- endfor %}

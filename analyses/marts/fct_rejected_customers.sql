select
    source_row,
    customer_id,
    {%- for feature in all_features() %}
    {{ feature.name }}_text,
    {%- endfor %}
    rejection_reasons

from {{ ref('int_customers_checked') }}

where not is_accepted

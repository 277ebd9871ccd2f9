{#- The canonical relation: everything after it knows the id and the features only. -#}
select
    customer_id,
    {%- for feature in all_features() %}
    {{ feature.name }}{{ ',' if not loop.last }}
    {%- endfor %}

from {{ ref('int_customers_checked') }}

where is_accepted

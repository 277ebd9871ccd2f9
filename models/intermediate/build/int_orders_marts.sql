{#- Which tables of orders are published: none where there are no orders. -#}
{%- set marts = ['fct_customer_rfm', 'fct_rejected_orders', 'fct_rfm_agreement']
    if has_orders() else [] -%}
{%- for mart in marts %}
-- depends_on: {{ ref(mart) }}
{%- endfor %}
{%- for mart in marts %}
select '{{ mart }}' as table_name
{{ 'union all' if not loop.last }}
{%- else %}
select build_id as table_name
from {{ ref('int_build_started') }}
where 1 = 0
{%- endfor %}

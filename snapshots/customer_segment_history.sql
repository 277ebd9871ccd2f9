{% snapshot customer_segment_history %}

{{ config(
    unique_key=['segmentation', 'customer_id'],
    strategy='check',
    check_cols=['segment_id', 'segment_name'],
    hard_deletes='invalidate',
) }}

-- depends_on: {{ ref('fct_published_tables') }}
-- depends_on: {{ ref('fct_input_counts') }}

select
    segmentation,
    customer_id,
    segment_id,
    segment_name

{% if flags.EMPTY and load_relation(this) -%}
{#- Without customers nobody has left. #}
from {{ this }}

where dbt_valid_to is null
{%- else -%}
from {{ ref('fct_customer_segments') }}
{%- if not exports_rows() %}

where false
{%- endif %}
{%- endif %}

{% endsnapshot %}

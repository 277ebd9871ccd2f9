{#- The customer file as it came, with its segment: the CSV file's content. -#}
-- depends_on: {{ ref('int_input_counts') }}
{%- set taken = adapter.get_columns_in_relation(ref('base_mall__customers'))
    | map(attribute='name') | map('lower') | list if execute else [] %}
with

customers as (

    select * from {{ ref('base_mall__customers') }}

),

accepted_customers as (

    select * from {{ ref('int_customers_imputed') }}

),

segments as (

    select * from {{ ref('fct_customer_segments') }}

    where segmentation = '{{ var("segmentations")[0].name }}'

),

segmented as (

    select
        customers.*,

        segments.segment_id as {{ adapter.quote(
            'Cluster' if 'cluster' not in taken else 'Cluster (mall_segments)'
        ) }},
        segments.segment_name as {{ adapter.quote(
            'Segment' if 'segment' not in taken else 'Segment (mall_segments)'
        ) }}

    from customers

    inner join accepted_customers
        on customers.source_row = accepted_customers.source_row

    inner join segments
        on accepted_customers.customer_id = segments.customer_id

    {% if not exports_rows() -%}
    where false
    {%- endif %}

)

select * from segmented

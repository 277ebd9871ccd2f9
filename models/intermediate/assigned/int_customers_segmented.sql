{#-
The customer file as it came, or what orders say of their customers where only these are
read, with its segments: the CSV file's content.
-#}
-- depends_on: {{ ref('fct_input_counts') }}
{%- set file = ref('int_customers_with_orders') if not has_customers()
    else ref('stg_mall__customers') if var('customers_model')
    else ref('base_mall__customers') %}
{%- set taken = adapter.get_columns_in_relation(file)
    | map(attribute='name') | map('lower') | list if execute else [] %}
with

customers as (

    {% if has_customers() -%}
    select *
    {%- else -%}
    select
        source_row,
        customer_id
        {%- for feature in number_features() %},
        {{ feature.name }}
        {%- endfor %}
    {%- endif %}

    from {{ file }}

),

checked as (

    select * from {{ ref('int_customers_checked') }}

    where is_accepted

),

assigned as (

    select * from {{ ref('int_customers_assigned') }}

),

segments as (

    select * from {{ ref('segments') }}

),

segmented as (

    select
        customers.*
        {%- for layout in segmentations() %}
        {%- set alias = 'segments_' ~ loop.index %}
        {%- set ending = '' if loop.first else ' (' ~ layout.name ~ ')' %}
        {%- for column, name in [
            ('segment_id', 'Cluster'), ('segment_name', 'Segment'),
            ('persona', 'Persona')
        ] %}
        {%- set name = name ~ ending %},
        {{ alias }}.{{ column }} as {{ adapter.quote(
            name if name | lower not in taken else name ~ ' (mall_segments)'
        ) }}
        {%- endfor %}
        {%- endfor %}

    from customers

    inner join checked
        on customers.source_row = checked.source_row

    inner join assigned
        on checked.customer_id = assigned.customer_id

    {% for layout in segmentations() -%}
    inner join segments as segments_{{ loop.index }}
        on
            segments_{{ loop.index }}.segmentation = '{{ layout.name }}'
            and assigned.{{ layout.name }}_segment_id
            = segments_{{ loop.index }}.segment_id

    {% endfor -%}

    {% if not exports_rows() -%}
    where 1 = 0
    {%- endif %}

)

select * from segmented

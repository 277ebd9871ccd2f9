{#-
All that is stored of each customer: the id, the observed values and the segment in each
segmentation. What else is asked of a customer follows from these by one expression.
-#}
with

{% set named = namespace(customers=ref('int_customers_accepted'), columns=['customer_id']) -%}
{%- for feature in all_features() -%}{%- do named.columns.append(feature.name) -%}{%- endfor -%}
{%- for layout in segmentations() -%}
{{ layout.name }}_parameters as (

    select * from {{ ref('int_parameters') }}

    where segmentation = '{{ layout.name }}'

),

{{ layout.name }}_assigned as (

    select
        {{ named.columns | join(', ') }},
        cast(segment_id as int) as {{ layout.name }}_segment_id,
        is_outlier as {{ layout.name }}_is_outlier
    from ({{ assignment(layout, named.customers, layout.name ~ '_parameters') }}) as assigned

),

{% do named.columns.extend([layout.name ~ '_segment_id', layout.name ~ '_is_outlier']) -%}
{%- set named.customers = layout.name ~ '_assigned' -%}
{%- endfor -%}

assigned as (

    select * from {{ named.customers }}

)

select * from assigned

-- depends_on: {{ ref('int_parameters') }}

{#-
All that is stored of each customer: the id, as short as the file has it, and which
combination of gender and feature values it has.
-#}
{%- set id = recognised_columns(ref('base_mall__customers')).customer_id -%}
{#- No accepted value; engines join by equality faster than with nulls. -#}
{%- set missing = "cast('-infinity' as double)" -%}
with

customers as (

    select * from {{ ref('int_customers_checked') }}

    where is_accepted

),

combinations as (

    select * from {{ ref('int_combinations') }}

)

select
    {{ 'customers.customer_number as customer_id' if id.is_whole
        else 'customers.customer_id' }},
    combinations.combination_id

from customers

inner join combinations
    on
        customers.gender = combinations.gender
        {%- for feature in var('features') %}
        and coalesce(customers.{{ feature.name }}, {{ missing }})
        = coalesce(combinations.{{ feature.name }}, {{ missing }})
        {%- endfor %}

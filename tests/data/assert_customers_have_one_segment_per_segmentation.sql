{#-
A customer, who is unique, is found on at most one point, which is unique as well; so
there are as many rows as customers only if each has one segment.
-#}
with

customers as (

    select count(*) as n_customers from {{ ref('dim_customers') }}

),

assigned as (

    select
        segmentation,

        sum(n_customers) as n_assigned

    from {{ ref('int_customers_counted_by_segment') }}

    group by segmentation

),

segmentations as (

    {%- for segmentation in var('segmentations') %}
    select '{{ segmentation.name }}' as segmentation
    {% if not loop.last %}
    union all
    {% endif %}
    {%- endfor %}

)

select
    segmentations.segmentation,
    customers.n_customers,
    assigned.n_assigned

from segmentations

cross join customers

left join assigned
    on segmentations.segmentation = assigned.segmentation

where
    assigned.segmentation is null
    or customers.n_customers <> assigned.n_assigned

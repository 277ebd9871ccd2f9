{#-
The ids of a segmentation's rows are those of all customers, each once: as many, with
the same sum of hashes. Customers are unique, so this needs no sort of all rows.
-#}
with

customers as (

    select
        count(*) as n_customers,
        sum(cast(hash(customer_id) as decimal(38, 0))) as sum_of_hashes

    from {{ ref('dim_customers') }}

),

assigned as (

    select
        segmentation,

        count(*) as n_assigned,
        sum(cast(hash(customer_id) as decimal(38, 0))) as sum_of_hashes

    from {{ ref('fct_customer_segments') }}

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
    or customers.sum_of_hashes <> assigned.sum_of_hashes

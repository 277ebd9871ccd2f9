{#- The first build has no generation before it, and so no row here. -#}
with

customers as (

    select * from {{ ref('int_segment_customers') }}

),

segments as (

    select * from {{ ref('segments') }}

),

previous_customers as (

    select * from {{ ref('int_customer_segments_published') }}

),

known as (

    select distinct segmentation from previous_customers

),

compared as (

    select
        coalesce(customers.segmentation, previous_customers.segmentation)
            as segmentation,
        coalesce(customers.customer_id, previous_customers.customer_id)
            as customer_id,
        previous_customers.segment_id as from_segment_id,
        previous_customers.segment_name as from_segment_name,
        customers.segment_id as to_segment_id

    from customers

    full outer join previous_customers
        on
            customers.segmentation = previous_customers.segmentation
            and customers.customer_id = previous_customers.customer_id

    where
        customers.segment_id is null
        or previous_customers.segment_id is null
        or customers.segment_id <> previous_customers.segment_id

),

configured as (

    select distinct segmentation from segments

)

select
    compared.segmentation,
    compared.customer_id,
    compared.from_segment_id,
    compared.from_segment_name,
    cast(compared.to_segment_id as bigint) as to_segment_id,
    segments.segment_name as to_segment_name,
    case
        when compared.from_segment_id is null then 'joined'
        when compared.to_segment_id is null then 'left'
        else 'moved'
    end as change

from compared

inner join known
    on compared.segmentation = known.segmentation

inner join configured
    on compared.segmentation = configured.segmentation

left join segments
    on
        compared.segmentation = segments.segmentation
        and compared.to_segment_id = segments.segment_id

{#- Published moves beside those found by comparing both generations. -#}
with

customers as (

    select
        segmentation,
        customer_id,
        segment_id,
        segment_name

    from audited.main.fct_customer_segments

),

previous_customers as (

    select
        segmentation,
        customer_id,
        segment_id,
        segment_name

    from previous.main.fct_customer_segments

    where segmentation in (select segmentation from audited.main.dim_segments)

),

found as (

    select
        coalesce(customers.segmentation, previous_customers.segmentation)
            as segmentation,
        previous_customers.segment_id as from_segment_id,
        previous_customers.segment_name as from_segment_name,
        customers.segment_id as to_segment_id,
        customers.segment_name as to_segment_name,
        count(*) as n_customers

    from customers

    full join previous_customers
        on
            customers.segmentation = previous_customers.segmentation
            and customers.customer_id = previous_customers.customer_id

    group by all

)

select
    coalesce(published.segmentation, found.segmentation) as segmentation,
    coalesce(published.from_segment_id, found.from_segment_id) as from_segment_id,
    coalesce(published.to_segment_id, found.to_segment_id) as to_segment_id,
    published.movement,
    case
        when coalesce(published.from_segment_id, found.from_segment_id) is null
            then 'joined'
        when coalesce(published.to_segment_id, found.to_segment_id) is null
            then 'left'
        when
            coalesce(published.from_segment_id, found.from_segment_id)
            = coalesce(published.to_segment_id, found.to_segment_id)
            then 'stayed'
        else 'moved'
    end as movement_recomputed,
    coalesce(published.n_customers, 0) as n_customers,
    coalesce(found.n_customers, 0) as n_customers_found,
    published.previous_build_id,
    published.current_build_id

from audited.main.fct_segment_migrations as published

full join found
    on
        published.segmentation = found.segmentation
        and published.from_segment_id is not distinct from found.from_segment_id
        and published.to_segment_id is not distinct from found.to_segment_id
        and published.from_segment_name is not distinct from found.from_segment_name
        and published.to_segment_name is not distinct from found.to_segment_name

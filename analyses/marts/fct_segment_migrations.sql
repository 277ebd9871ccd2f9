{#- The first build has no generation before it, and so no row here. -#}
with

customers as (

    select * from {{ ref('fct_customer_segments') }}

),

segments as (

    select * from {{ ref('dim_segments') }}

),

previous_customers as (

    select * from {{ ref('int_customer_segments_published') }}

),

current_build as (

    select build_id as current_build_id from {{ ref('int_build_started') }}

),

previous_builds as (

    select distinct previous_build_id from previous_customers

),

moves as (

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

    group by
        coalesce(customers.segmentation, previous_customers.segmentation),
        previous_customers.segment_id,
        previous_customers.segment_name,
        customers.segment_id,
        customers.segment_name

),

known_segmentations as (

    select distinct segmentation from segments

)

select
    moves.segmentation,
    moves.from_segment_id,
    moves.from_segment_name,
    moves.to_segment_id,
    moves.to_segment_name,
    case
        when moves.from_segment_id is null then 'joined'
        when moves.to_segment_id is null then 'left'
        when moves.from_segment_id = moves.to_segment_id then 'stayed'
        else 'moved'
    end as movement,
    moves.n_customers,
    previous_builds.previous_build_id,
    current_build.current_build_id

from moves

inner join known_segmentations
    on moves.segmentation = known_segmentations.segmentation

cross join previous_builds

cross join current_build

{#-
The first build has no generation before it, and so no row here. Who stayed and who moved
is found customer by customer; who joined and who left is the rest of each segment.
-#}
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

kept as (

    select
        customers.segmentation,
        previous_customers.segment_id as from_segment_id,
        previous_customers.segment_name as from_segment_name,
        customers.segment_id as to_segment_id,
        customers.segment_name as to_segment_name,

        count(*) as n_customers

    from customers

    inner join previous_customers
        on
            customers.segmentation = previous_customers.segmentation
            and customers.customer_id = previous_customers.customer_id

    group by
        customers.segmentation,
        previous_customers.segment_id,
        previous_customers.segment_name,
        customers.segment_id,
        customers.segment_name

),

arrived as (

    select
        segmentation,
        to_segment_id,

        sum(n_customers) as n_customers

    from kept

    group by
        segmentation,
        to_segment_id

),

departed as (

    select
        segmentation,
        from_segment_id,

        sum(n_customers) as n_customers

    from kept

    group by
        segmentation,
        from_segment_id

),

previous_segments as (

    select
        segmentation,
        segment_id,
        segment_name,

        count(*) as n_customers

    from previous_customers

    group by
        segmentation,
        segment_id,
        segment_name

),

moves as (

    select
        segmentation,
        from_segment_id,
        from_segment_name,
        to_segment_id,
        to_segment_name,
        n_customers

    from kept

    union all

    select
        segments.segmentation,
        null as from_segment_id,
        null as from_segment_name,
        segments.segment_id as to_segment_id,
        segments.segment_name as to_segment_name,
        segments.n_customers - coalesce(arrived.n_customers, 0) as n_customers

    from segments

    left join arrived
        on
            segments.segmentation = arrived.segmentation
            and segments.segment_id = arrived.to_segment_id

    union all

    select
        previous_segments.segmentation,
        previous_segments.segment_id as from_segment_id,
        previous_segments.segment_name as from_segment_name,
        null as to_segment_id,
        null as to_segment_name,
        previous_segments.n_customers - coalesce(departed.n_customers, 0)
            as n_customers

    from previous_segments

    left join departed
        on
            previous_segments.segmentation = departed.segmentation
            and previous_segments.segment_id = departed.from_segment_id

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
    cast(moves.n_customers as bigint) as n_customers,
    previous_builds.previous_build_id,
    current_build.current_build_id

from moves

inner join known_segmentations
    on moves.segmentation = known_segmentations.segmentation

cross join previous_builds

cross join current_build

where moves.n_customers > 0

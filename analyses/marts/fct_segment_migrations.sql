{#-
The first build has no generation before it, and so no row here. Who joined, left and
moved is counted from fct_customer_movements; who stayed is the rest of each segment.
-#}
with

movements as (

    select
        segmentation,
        from_segment_id,
        from_segment_name,
        to_segment_id,
        to_segment_name,
        change,

        count(*) as n_customers

    from {{ ref('fct_customer_movements') }}

    group by
        segmentation,
        from_segment_id,
        from_segment_name,
        to_segment_id,
        to_segment_name,
        change

),

segments as (

    select * from {{ ref('dim_segments') }}

),

previous_segments as (

    select distinct
        segmentation,
        segment_id,
        segment_name,
        previous_build_id

    from {{ ref('int_customer_segments_published') }}

),

current_build as (

    select build_id as current_build_id from {{ ref('int_build_started') }}

),

previous_builds as (

    select distinct previous_build_id from previous_segments

),

arrived as (

    select
        segmentation,
        to_segment_id,

        sum(n_customers) as n_customers

    from movements

    group by
        segmentation,
        to_segment_id

),

stayed as (

    select
        segments.segmentation,
        previous_segments.segment_id as from_segment_id,
        previous_segments.segment_name as from_segment_name,
        segments.segment_id as to_segment_id,
        segments.segment_name as to_segment_name,
        case
            when segments.segment_name = previous_segments.segment_name
                then 'stayed'
            else 'renamed'
        end as movement,

        segments.n_customers - coalesce(arrived.n_customers, 0) as n_customers

    from segments

    inner join previous_segments
        on
            segments.segmentation = previous_segments.segmentation
            and segments.segment_id = previous_segments.segment_id

    left join arrived
        on
            segments.segmentation = arrived.segmentation
            and segments.segment_id = arrived.to_segment_id

),

moves as (

    select * from stayed

    union all

    select
        segmentation,
        from_segment_id,
        from_segment_name,
        to_segment_id,
        to_segment_name,
        change as movement,
        n_customers

    from movements

)

select
    moves.segmentation,
    moves.from_segment_id,
    moves.from_segment_name,
    moves.to_segment_id,
    moves.to_segment_name,
    moves.movement,
    cast(moves.n_customers as bigint) as n_customers,
    previous_builds.previous_build_id,
    current_build.current_build_id

from moves

cross join previous_builds

cross join current_build

where moves.n_customers > 0

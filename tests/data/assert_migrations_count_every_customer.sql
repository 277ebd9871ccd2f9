-- Those who came to a segment are its customers; those who came from one were.
with

migrations as (

    select * from {{ ref('fct_segment_migrations') }}

),

segments as (

    select * from {{ ref('dim_segments') }}

),

arrivals as (

    select
        segmentation,
        to_segment_id as segment_id,

        sum(n_customers) as n_counted

    from migrations

    where to_segment_id is not null

    group by
        segmentation,
        to_segment_id

),

departures as (

    select
        segmentation,
        from_segment_id as segment_id,

        sum(n_customers) as n_counted

    from migrations

    where from_segment_id is not null

    group by
        segmentation,
        from_segment_id

),

current_segments as (

    select
        segmentation,
        segment_id,
        n_customers

    from segments

    where
        n_customers > 0
        and exists (select 1 from migrations)

),

previous_segments as (

    select
        segmentation,
        segment_id,

        count(*) as n_customers

    from {{ ref('int_customer_segments_published') }}

    where segmentation in (select segments.segmentation from segments)

    group by
        segmentation,
        segment_id

),

differences as (

    select
        'to' as direction,
        coalesce(current_segments.segmentation, arrivals.segmentation)
            as segmentation,
        coalesce(current_segments.segment_id, arrivals.segment_id)
            as segment_id,
        current_segments.n_customers,
        arrivals.n_counted

    from current_segments

    full join arrivals
        on
            current_segments.segmentation = arrivals.segmentation
            and current_segments.segment_id = arrivals.segment_id

    union all

    select
        'from' as direction,
        coalesce(previous_segments.segmentation, departures.segmentation)
            as segmentation,
        coalesce(previous_segments.segment_id, departures.segment_id)
            as segment_id,
        previous_segments.n_customers,
        departures.n_counted

    from previous_segments

    full join departures
        on
            previous_segments.segmentation = departures.segmentation
            and previous_segments.segment_id = departures.segment_id

)

select *

from differences

where
    n_customers is null
    or n_counted is null
    or n_customers <> n_counted

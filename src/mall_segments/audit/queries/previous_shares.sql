{#- How far the share of each segment has moved, as far as chance does not explain it. -#}
with

current_segments as (

    select
        segmentation,
        segment_id,
        customer_share,
        sum(n_customers) over (partition by segmentation) as n_all_customers

    from audited.main.dim_segments

    where segmentation in ({{ comparable | map("quoted") | join(", ") or "null" }})

),

previous_segments as (

    select
        segmentation,
        segment_id,
        customer_share,
        sum(n_customers) over (partition by segmentation) as n_all_customers

    from previous.main.dim_segments

    where segmentation in ({{ comparable | map("quoted") | join(", ") or "null" }})

),

sizes as (

    select
        current_segments.segmentation,
        max(current_segments.n_all_customers) as n_current,
        max(previous_segments.n_all_customers) as n_previous

    from current_segments

    inner join previous_segments using (segmentation)

    group by current_segments.segmentation

),

paired as (

    select
        coalesce(current_segments.segmentation, previous_segments.segmentation)
            as segmentation,
        coalesce(current_segments.segment_id, previous_segments.segment_id)
            as segment_id,
        coalesce(previous_segments.customer_share, 0) as previous_share,
        coalesce(current_segments.customer_share, 0) as current_share

    from current_segments

    full join previous_segments
        on
            current_segments.segmentation = previous_segments.segmentation
            and current_segments.segment_id = previous_segments.segment_id

)

select
    paired.*,
    case
        when
            abs(current_share - previous_share) > {{ deviations }} * sqrt(
                (current_share + previous_share) / 2
                * (1 - (current_share + previous_share) / 2)
                * (1 / sizes.n_current + 1 / sizes.n_previous)
            )
            then abs(current_share - previous_share)
        else 0
    end as surprising_change

from paired

inner join sizes using (segmentation)

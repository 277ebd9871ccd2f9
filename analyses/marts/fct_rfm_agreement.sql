{{ config(enabled=has_orders()) }}

with

assigned as (

    select * from {{ ref('int_customers_assigned') }}

),

rfm as (

    select
        customer_id,
        rfm_segment

    from {{ ref('fct_customer_rfm') }}

),

memberships as (

    {%- for segmentation in build_segmentations() %}
    select
        {{ dbt.string_literal(segmentation.name) }} as segmentation,
        {{ segmentation.name }}_segment_id as segment_id,
        customer_id

    from assigned
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

counted as (

    select
        memberships.segmentation,
        memberships.segment_id,
        -- Customers without orders are in no cell, yet in a segment.
        coalesce(rfm.rfm_segment, 'no orders') as rfm_segment,

        count(*) as n_customers

    from memberships

    left join rfm
        on memberships.customer_id = rfm.customer_id

    group by
        memberships.segmentation,
        memberships.segment_id,
        coalesce(rfm.rfm_segment, 'no orders')

)

select
    segmentation,
    segment_id,
    rfm_segment,

    n_customers,
    cast(n_customers as double) / sum(n_customers) over (
        partition by segmentation, segment_id
    ) as share_of_segment,
    cast(n_customers as double) / sum(n_customers) over (
        partition by segmentation, rfm_segment
    ) as share_of_rfm_segment

from counted

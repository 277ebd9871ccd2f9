with

segments as (

    select * from {{ ref('dim_segments') }}

)

select
    segmentation,
    persona,
    segment_name,
    n_customers,
    round(100 * customer_share, 1) as percent_of_customers,
    recommended_action

from segments

order by
    segmentation asc,
    n_customers desc,
    segment_id asc

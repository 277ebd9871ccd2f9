select
    customers.segmentation,
    customers.segment_id,
    count(*) as n_customers

from {{ ref('int_segment_customers') }} as customers

left join {{ ref('dim_segments') }} as segments
    on
        customers.segmentation = segments.segmentation
        and customers.segment_id = segments.segment_id

where segments.segment_id is null

group by
    customers.segmentation,
    customers.segment_id

select
    segmentation,
    segment_id,
    feature,
    value,
    n_customers

from {{ ref('int_segment_values') }}

where value is not null

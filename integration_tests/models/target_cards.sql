-- What the company makes of the segments: an own model on a mart of the package.
select
    customer_id,
    segment_name,
    persona,
    membership

from {{ ref('mall_segments', 'fct_customer_segments') }}

where segmentation = 'visits_basket' and membership >= 0.9

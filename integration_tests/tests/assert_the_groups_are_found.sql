select count(*) as n_segments

from {{ ref('mall_segments', 'dim_segments') }}

where segmentation = 'visits_basket'

having
    count(*) <> 3
    or min(n_customers) <> 60
    or max(n_customers) <> 60

select cards.customer_id

from {{ ref('loyalty_cards') }} as cards

left join {{ ref('mall_segments', 'fct_customer_segments') }} as segments
    on cards.customer_id = segments.customer_id

where segments.segment_id is null

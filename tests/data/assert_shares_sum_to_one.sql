with

shares as (

    select
        'customer_share' as share,
        segmentation,
        0 as segment_id,
        '' as feature,
        sum(customer_share) as total

    from {{ ref('dim_segments') }}

    group by segmentation

    union all

    select
        'inertia_share' as share,
        segmentation,
        0 as segment_id,
        '' as feature,
        sum(inertia_share) as total

    from {{ ref('dim_segments') }}

    group by segmentation

    having sum(inertia_share) > 0

    union all

    select
        'share of demographics' as share,
        segmentation,
        segment_id,
        '' as feature,
        sum(share_of_segment) as total

    from {{ ref('fct_segment_demographics') }}

    group by
        segmentation,
        segment_id

    union all

    select
        'share of levels' as share,
        segmentation,
        segment_id,
        feature,
        sum(share_of_segment) as total

    from {{ ref('fct_segment_categories') }}

    group by
        segmentation,
        segment_id,
        feature

)

select *

from shares

where abs(total - 1) > 1e-9

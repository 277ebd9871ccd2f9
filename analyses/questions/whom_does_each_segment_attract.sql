with

segments as (

    select * from {{ ref('dim_segments') }}

),

categories as (

    select * from {{ ref('fct_segment_categories') }}

)

select
    segments.segmentation,
    segments.persona,
    categories.feature,
    categories.level,
    categories.n_customers,
    round(100 * categories.share_of_segment, 1) as percent_of_segment,
    round(100 * categories.overall_share, 1) as percent_of_all_customers

from segments

inner join categories
    on
        segments.segmentation = categories.segmentation
        and segments.segment_id = categories.segment_id

where categories.share_of_segment > categories.overall_share

order by
    segments.segmentation asc,
    segments.segment_id asc,
    categories.share_of_segment - categories.overall_share desc,
    categories.feature asc,
    categories.level asc

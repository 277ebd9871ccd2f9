with

segments as (

    select * from {{ ref('dim_segments') }}

),

outliers as (

    select * from {{ ref('fct_customer_segments') }}

    where is_outlier

)

select
    outliers.segmentation,
    outliers.customer_id,
    segments.persona,
    outliers.main_reason,
    round(outliers.distance, 2) as distance,
    round(segments.outlier_distance, 2) as usual_up_to

from outliers

inner join segments
    on
        outliers.segmentation = segments.segmentation
        and outliers.segment_id = segments.segment_id

order by
    outliers.distance / nullif(segments.outlier_distance, 0) desc,
    outliers.customer_id asc,
    outliers.segmentation asc

limit 10

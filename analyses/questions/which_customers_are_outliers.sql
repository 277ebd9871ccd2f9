with

segments as (

    select * from {{ ref('dim_segments') }}

    where segmentation = 'income_spending'

),

outliers as (

    select * from {{ ref('fct_customer_segments') }}

    where is_outlier

),

customers as (

    select * from {{ ref('dim_customers') }}

)

select
    customers.customer_id,
    segments.persona,
    customers.age_years,
    customers.annual_income_kusd,
    customers.spending_score,
    round(outliers.distance, 2) as distance,
    round(segments.outlier_distance, 2) as usual_up_to

from outliers

inner join segments
    on
        outliers.segmentation = segments.segmentation
        and outliers.segment_id = segments.segment_id

inner join customers
    on outliers.customer_id = customers.customer_id

order by
    outliers.distance / nullif(segments.outlier_distance, 0) desc,
    customers.customer_id asc

limit 10

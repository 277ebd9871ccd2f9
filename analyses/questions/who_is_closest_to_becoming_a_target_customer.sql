with

segments as (

    select * from {{ ref('dim_segments') }}

),

target_segments as (

    select * from segments

    where
        segmentation = 'income_spending'
        and persona = 'Target customers'

),

customer_segments as (

    select * from {{ ref('fct_customer_segments') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

)

select
    customers.customer_id,
    customers.gender,
    customers.age_years,
    customers.annual_income_kusd,
    customers.spending_score,
    segments.persona as persona_today,
    round(customer_segments.margin, 2) as margin

from customer_segments

inner join target_segments
    on
        customer_segments.segmentation = target_segments.segmentation
        and customer_segments.second_segment_id = target_segments.segment_id

inner join segments
    on
        customer_segments.segmentation = segments.segmentation
        and customer_segments.segment_id = segments.segment_id

inner join customers
    on customer_segments.customer_id = customers.customer_id

where not customer_segments.is_outlier

order by
    customer_segments.margin asc,
    customers.customer_id asc

limit 10

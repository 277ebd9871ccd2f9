with

segments as (

    select * from {{ ref('dim_segments') }}

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
    customers.spending_score

from customers

inner join customer_segments
    on customers.customer_id = customer_segments.customer_id

inner join segments
    on
        customer_segments.segmentation = segments.segmentation
        and customer_segments.segment_id = segments.segment_id

where
    segments.segmentation = 'income_spending'
    and segments.persona = 'Careful savers'

order by
    customers.annual_income_kusd desc,
    customers.spending_score asc,
    customers.customer_id asc

limit 10

with

customers as (

    select * from {{ ref('int_customers_rejected') }}

)

select
    source_row,
    customer_id,
    gender_text,
    age_years_text,
    annual_income_kusd_text,
    spending_score_text,
    rejection_reasons

from customers

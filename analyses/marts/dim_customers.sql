with

customers as (

    select * from {{ ref('int_customers_imputed') }}

)

select
    customer_id,
    gender,
    {{ age_band('not is_age_years_imputed', 'age_years') }} as age_band,
    age_years,
    annual_income_kusd,
    spending_score,
    is_age_years_imputed,
    is_annual_income_kusd_imputed,
    is_spending_score_imputed,
    is_imputed

from customers

with

customers as (

    select * from {{ ref('int_customer_combinations') }}

),

combinations as (

    select * from {{ ref('int_combinations_imputed') }}

)

select
    cast(customers.customer_id as {{ dbt.type_string() }}) as customer_id,
    combinations.gender,
    {{ age_band(
        'not combinations.is_age_years_imputed', 'combinations.age_years'
    ) }} as age_band,
    combinations.age_years,
    combinations.annual_income_kusd,
    combinations.spending_score,
    combinations.is_age_years_imputed,
    combinations.is_annual_income_kusd_imputed,
    combinations.is_spending_score_imputed,
    combinations.is_imputed

from customers

inner join combinations
    on customers.combination_id = combinations.combination_id

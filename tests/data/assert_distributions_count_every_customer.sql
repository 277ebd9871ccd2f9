-- With a value or without one, every customer is counted once per feature.
with

distributions as (

    select
        feature,

        sum(n_customers) as n_counted,
        sum(customer_share) as customer_share

    from {{ ref('fct_feature_distribution') }}

    group by feature

),

counted as (

    select
        count(*) as n_customers
        {%- for feature in var('features') %},
        sum(case when is_{{ feature.name }}_imputed then 1 else 0 end)
            as n_{{ feature.name }}_imputed
        {%- endfor %}

    from {{ ref('dim_customers') }}

),

customers as (

    {%- for feature in var('features') %}
    select
        '{{ feature.name }}' as feature,
        n_customers,
        n_{{ feature.name }}_imputed as n_imputed

    from counted
    {% if not loop.last %}
    union all
    {% endif %}
    {%- endfor %}

),

summaries as (

    select * from {{ ref('fct_feature_summary') }}

)

select
    customers.feature,
    customers.n_customers,
    customers.n_imputed,
    summaries.n_customers as n_observed,
    summaries.n_missing,
    distributions.n_counted,
    distributions.customer_share

from customers

left join summaries
    on customers.feature = summaries.feature

left join distributions
    on customers.feature = distributions.feature

where
    summaries.feature is null
    or distributions.feature is null
    or customers.n_imputed <> summaries.n_missing
    or customers.n_customers <> distributions.n_counted + summaries.n_missing
    or summaries.n_customers <> distributions.n_counted
    or abs(distributions.customer_share - 1) > 1e-9

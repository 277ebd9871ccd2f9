{% from "rules.jinja" import quantile %}
with

value_counts as (

    select
        feature,
        value,
        cast(sum(n_customers) as bigint) as n_customers

    from memory.main.observed_values

    group by all

),

accumulated as (

    select
        *,
        cast(sum(n_customers) over (
            partition by feature order by value
        ) as bigint) as n_cumulative,
        cast(sum(n_customers) over (partition by feature) as bigint) as n_total

    from value_counts

),

means as (

    select
        feature,
        sum(n_customers * value) / sum(n_customers) as mean

    from value_counts

    group by feature

),

summaries as (

    select
        accumulated.feature,
        max(accumulated.n_total) as n_customers,
        count(*) as n_distinct,
        max(means.mean) as mean,
        sqrt(
            sum(
                accumulated.n_customers * power(accumulated.value - means.mean, 2)
            ) / sum(accumulated.n_customers)
        ) as std,
        sum(accumulated.n_customers * power(accumulated.value - means.mean, 3))
        / sum(accumulated.n_customers) as third_moment,
        min(accumulated.value) as minimum,
        max(accumulated.value) as maximum,
        {{ quantile(0.25) }} as p25,
        {{ quantile(0.5) }} as median,
        {{ quantile(0.75) }} as p75

    from accumulated

    inner join means using (feature)

    group by accumulated.feature

),

fenced as (

    select
        *,
        third_moment / nullif(power(std, 3), 0) as skewness,
        p25 - 1.5 * (p75 - p25) as lower_fence,
        p75 + 1.5 * (p75 - p25) as upper_fence

    from summaries

),

outliers as (

    select
        value_counts.feature,
        cast(sum(value_counts.n_customers) as bigint) as n_outliers

    from value_counts

    inner join fenced using (feature)

    where
        value_counts.value < fenced.lower_fence
        or value_counts.value > fenced.upper_fence

    group by value_counts.feature

)

select
    published.*,
    fenced.n_customers as n_customers_found,
    {{ accepted }} - fenced.n_customers as n_missing_found,
    fenced.n_distinct as n_distinct_found,
    coalesce(outliers.n_outliers, 0) as n_outliers_found,
    {% for column in [
        "mean", "std", "minimum", "p25", "median", "p75", "maximum", "lower_fence",
        "upper_fence"
    ] %}
    agreed(published.{{ column }}, fenced.{{ column }}) as {{ column }}_recomputed,
    {% endfor %}
    agreed(published.skewness, fenced.skewness, tolerance := 1e-6)
        as skewness_recomputed

from audited.main.fct_feature_summary as published

left join fenced using (feature)

left join outliers using (feature)

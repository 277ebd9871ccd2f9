with

pairs as (
{% for feature in features %}
{% set is_last = loop.last %}
{% for other in features %}
    select
        {{ feature | quoted }} as feature,
        {{ other | quoted }} as other_feature,
        {{ feature }} as value,
        {{ other }} as other_value,
        cast(sum(n_customers) as double) as n_customers

    from memory.main.customer_groups

    where not is_{{ feature }}_imputed and not is_{{ other }}_imputed

    group by all
    {{ "union all" if not (is_last and loop.last) }}
{% endfor %}
{% endfor %}
),

means as (

    select
        feature,
        other_feature,
        sum(n_customers) as n_customers,
        sum(n_customers * value) / sum(n_customers) as mean,
        sum(n_customers * other_value) / sum(n_customers) as other_mean

    from pairs

    group by all

),

correlations as (

    select
        pairs.feature,
        pairs.other_feature,
        cast(max(means.n_customers) as bigint) as n_customers,
        sum(
            pairs.n_customers * (pairs.value - means.mean)
            * (pairs.other_value - means.other_mean)
        ) / nullif(
            sqrt(sum(pairs.n_customers * power(pairs.value - means.mean, 2)))
            * sqrt(
                sum(pairs.n_customers * power(pairs.other_value - means.other_mean, 2))
            ),
            0
        ) as pearson

    from pairs

    inner join means using (feature, other_feature)

    group by all

)

select
    published.*,
    agreed(published.pearson, correlations.pearson) as pearson_recomputed,
    case
        when published.feature = published.other_feature
            then agreed(published.spearman, 1)
        else agreed(published.spearman, mirrored.spearman)
    end as spearman_mirrored,
    correlations.n_customers as n_customers_found

from audited.main.fct_feature_correlation as published

left join correlations using (feature, other_feature)

left join audited.main.fct_feature_correlation as mirrored
    on
        published.feature = mirrored.other_feature
        and published.other_feature = mirrored.feature

with

customers as (

    select * from {{ ref('int_customers_grouped') }}

),

pairs as (
{% for feature in var('features') -%}
{% set is_last_feature = loop.last -%}
{% for other_feature in var('features') %}
    select
        '{{ feature.name }}' as feature,
        '{{ other_feature.name }}' as other_feature,
        {{ feature.name }} / {{ feature.resolution }} as value,
        {{ other_feature.name }} / {{ other_feature.resolution }}
            as other_value,

        cast(sum(n_customers) as double) as n_customers

    from customers

    where
        {{ feature.name }} is not null
        and {{ other_feature.name }} is not null

    group by
        {{ feature.name }},
        {{ other_feature.name }}
    {% if not (loop.last and is_last_feature) %}
    union all
    {% endif %}
{%- endfor %}
{%- endfor %}
),

-- The rank of tied customers is the mean of the ranks they share.
ranked as (

    select
        *,

        sum(n_customers) over (
            partition by feature, other_feature order by value
            range between unbounded preceding and current row
        )
        - (
            sum(n_customers) over (
                partition by feature, other_feature, value
            ) - 1
        ) / 2 as value_rank,
        sum(n_customers) over (
            partition by feature, other_feature order by other_value
            range between unbounded preceding and current row
        )
        - (
            sum(n_customers) over (
                partition by feature, other_feature, other_value
            ) - 1
        ) / 2 as other_rank

    from pairs

),

means as (

    select
        feature,
        other_feature,

        sum(n_customers) as n_customers,
        {{ ordered_sum('n_customers * value') }} / sum(n_customers)
            as mean_value,
        {{ ordered_sum('n_customers * other_value') }} / sum(n_customers)
            as mean_other_value,
        {{ ordered_sum('n_customers * value_rank') }} / sum(n_customers)
            as mean_rank,
        {{ ordered_sum('n_customers * other_rank') }} / sum(n_customers)
            as mean_other_rank

    from ranked

    group by
        feature,
        other_feature

),

deviations as (

    select
        ranked.feature,
        ranked.other_feature,
        ranked.n_customers,

        ranked.value - means.mean_value as value,
        ranked.other_value - means.mean_other_value as other_value,
        ranked.value_rank - means.mean_rank as value_rank,
        ranked.other_rank - means.mean_other_rank as other_rank

    from ranked

    inner join means
        on
            ranked.feature = means.feature
            and ranked.other_feature = means.other_feature

),

correlations as (

    select
        feature,
        other_feature,

        sum(n_customers) as n_customers,
        {{ ordered_sum('n_customers * value * other_value') }} / nullif(
            sqrt(
                {{ ordered_sum('n_customers * value * value') }}
                * {{ ordered_sum('n_customers * other_value * other_value') }}
            ),
            0
        ) as pearson,
        {{ ordered_sum('n_customers * value_rank * other_rank') }} / nullif(
            sqrt(
                {{ ordered_sum('n_customers * value_rank * value_rank') }}
                * {{ ordered_sum('n_customers * other_rank * other_rank') }}
            ),
            0
        ) as spearman

    from deviations

    group by
        feature,
        other_feature

)

select
    feature,
    other_feature,
    cast(n_customers as bigint) as n_customers,
    pearson,
    spearman

from correlations

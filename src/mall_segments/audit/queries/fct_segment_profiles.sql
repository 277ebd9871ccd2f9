{% from "rules.jinja" import quantile %}
with

accumulated as (

    select
        *,
        cast(sum(n_customers) over (
            partition by segmentation, segment_id, feature order by value
        ) as bigint) as n_cumulative,
        cast(sum(n_customers) over (
            partition by segmentation, segment_id, feature
        ) as bigint) as n_total

    from memory.main.segment_values

),

means as (

    select
        segmentation,
        segment_id,
        feature,
        sum(n_customers * value) / sum(n_customers) as mean

    from memory.main.segment_values

    group by all

),

profiles as (

    select
        accumulated.segmentation,
        accumulated.segment_id,
        accumulated.feature,
        max(accumulated.n_total) as n_customers,
        max(means.mean) as mean,
        sqrt(
            sum(
                accumulated.n_customers * power(accumulated.value - means.mean, 2)
            ) / sum(accumulated.n_customers)
        ) as std,
        min(accumulated.value) as minimum,
        max(accumulated.value) as maximum,
        {{ quantile(0.1) }} as p10,
        {{ quantile(0.5) }} as median,
        {{ quantile(0.9) }} as p90

    from accumulated

    inner join means using (segmentation, segment_id, feature)

    group by all

),

overall_means as (

    select
        segmentation,
        feature,
        sum(n_customers * value) / sum(n_customers) as overall_mean

    from memory.main.segment_values

    group by all

),

overall as (

    select
        found.segmentation,
        found.feature,
        max(overall_means.overall_mean) as overall_mean,
        sqrt(
            sum(
                found.n_customers * power(found.value - overall_means.overall_mean, 2)
            ) / sum(found.n_customers)
        ) as overall_std

    from memory.main.segment_values as found

    inner join overall_means using (segmentation, feature)

    group by all

)

select
    published.*,
    {% for column in [
        "mean", "median", "std", "p10", "p90", "minimum", "maximum"
    ] %}
    agreed(published.{{ column }}, profiles.{{ column }}) as {{ column }}_recomputed,
    {% endfor %}
    {% for column in ["overall_mean", "overall_std"] %}
    agreed(published.{{ column }}, overall.{{ column }}) as {{ column }}_recomputed,
    {% endfor %}
    agreed(
        published.z_score,
        (profiles.mean - overall.overall_mean) / nullif(overall.overall_std, 0),
        tolerance := 1e-6
    ) as z_score_recomputed,
    agreed(
        published.index_vs_overall,
        100 * profiles.mean / nullif(overall.overall_mean, 0),
        tolerance := 1e-6
    ) as index_vs_overall_recomputed,
    row_number() over (
        partition by published.segmentation, published.segment_id
        order by abs(coalesce(published.z_score, 0)) desc, published.feature
    ) as difference_rank_recomputed

from audited.main.fct_segment_profiles as published

left join profiles using (segmentation, segment_id, feature)

left join overall using (segmentation, feature)

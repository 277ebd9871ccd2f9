{#- Each rule beside what it selects. -#}
with

counted as (
{% for rule in rules %}
    select
        {{ rule.segmentation | quoted }} as segmentation,
        {{ rule.predicate | quoted }} as rule_sql,
        segment_id,
        sum(n_customers) as n_customers

    from audited.main.fct_segment_points

    where
        segmentation = {{ rule.segmentation | quoted }}
        and {{ rule.predicate }}

    group by segment_id

    union all

{% endfor %}
    select
        '' as segmentation,
        '' as rule_sql,
        0 as segment_id,
        0 as n_customers

    where false

),

selected as (

    select
        rules.segmentation,
        rules.rule_id,
        coalesce(cast(sum(counted.n_customers) as bigint), 0) as n_customers,
        coalesce(
            cast(
                sum(counted.n_customers) filter (
                    where counted.segment_id = rules.segment_id
                ) as bigint
            ),
            0
        ) as n_in_segment

    from audited.main.fct_segment_rules as rules

    left join counted using (segmentation, rule_sql)

    group by
        rules.segmentation,
        rules.rule_id

)

select
    rules.*,
    selected.n_customers as n_customers_found,
    selected.n_in_segment as n_in_segment_found,
    agreed(
        rules.precision,
        selected.n_in_segment / nullif(selected.n_customers, 0)
    ) as precision_recomputed,
    agreed(rules.coverage, selected.n_in_segment / segments.n_customers)
        as coverage_recomputed,
    agreed(
        rules.fidelity,
        sum(selected.n_in_segment) over (partition by rules.segmentation)
        / nullif(
            sum(selected.n_customers) over (partition by rules.segmentation), 0
        )
    ) as fidelity_recomputed

from audited.main.fct_segment_rules as rules

left join selected using (segmentation, rule_id)

left join audited.main.dim_segments as segments using (segmentation, segment_id)

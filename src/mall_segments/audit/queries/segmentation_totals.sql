{#- What adds up to a whole in each segmentation. -#}
with

segments as (

    select
        segmentation,
        count(*) as n_segments,
        cast(sum(n_customers) as bigint) as n_customers,
        sum(customer_share) as customer_shares,
        sum(inertia_share) as inertia_shares

    from audited.main.dim_segments

    group by segmentation

),

rules as (

    select
        segmentation,
        cast(sum(n_customers) as bigint) as n_customers

    from audited.main.fct_segment_rules

    group by segmentation

),

models as (

    select
        segmentation,
        count(*) as n_segments

    from memory.main.model_segments

    group by segmentation

),

chosen as (

    select
        segmentation,
        count(*) as n_chosen,
        max(n_segments) as n_segments,
        max(inertia) as inertia

    from audited.main.fct_cluster_count_scores

    where is_chosen

    group by segmentation

),

found as (

    select
        segmentation,
        sum(n_fitted * squared_distance) as inertia

    from memory.main.fitted_segments

    group by segmentation

)

select
    settings.segmentation,
    cast({{ accepted }} as bigint) as n_accepted,
    coalesce(segments.n_segments, 0) as n_segments,
    coalesce(models.n_segments, 0) as n_segments_in_model,
    coalesce(chosen.n_chosen, 0) as n_chosen,
    coalesce(chosen.n_segments, 0) as n_segments_chosen,
    coalesce(segments.n_customers, 0) as n_in_segments,
    coalesce(rules.n_customers, 0) as n_in_rules,
    cast(1 as double) as expected,
    agreed(1, segments.customer_shares) as customer_shares,
    -- Customers that are all alike have no inertia to share.
    case
        when segments.inertia_shares = 0 and chosen.inertia < 1e-12 then 1
        else agreed(1, segments.inertia_shares)
    end as inertia_shares,
    chosen.inertia,
    agreed(chosen.inertia, found.inertia, tolerance := 1e-6) as inertia_recomputed

from memory.main.settings_segmentations as settings

left join segments using (segmentation)

left join models using (segmentation)

left join rules using (segmentation)

left join chosen using (segmentation)

left join found using (segmentation)

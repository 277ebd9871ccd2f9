{% from "rules.jinja" import quantile %}
{#- What dim_segments says of each segment, recomputed from its customers' rows. -#}
with

distances as (

    select
        segmentation,
        segment_id,
        sqrt(squared_distance) as value,
        sum(n_fitted) as n_fitted

    from memory.main.fitted_segments

    group by all

),

accumulated as (

    select
        *,
        cast(sum(n_fitted) over (
            partition by segmentation, segment_id order by value
        ) as bigint) as n_cumulative,
        cast(
            sum(n_fitted) over (partition by segmentation, segment_id) as bigint
        ) as n_total

    from distances

),

quartiles as (

    select
        segmentation,
        segment_id,
        {{ quantile(0.25) }} as first_quartile,
        {{ quantile(0.75) }} as third_quartile,
        sum(n_fitted * value * value) as inertia

    from accumulated

    group by all

),

inertias as (

    select
        *,
        sum(inertia) over (partition by segmentation) as inertia_of_all

    from quartiles

),

silhouettes as (

    select
        segmentation,
        segment_id,
        case
            when count(*) = count(silhouette)
                then sum(n_fitted * silhouette) / sum(n_fitted)
        end as mean_silhouette

    from memory.main.fitted_segments

    group by all

),

outliers as (

    select
        segmentation,
        segment_id,
        cast(
            coalesce(sum(n_customers) filter (where is_outlier), 0) as bigint
        ) as n_outliers

    from memory.main.segment_groups

    group by all

)

select
    segments.segmentation,
    segments.segment_id,
    segments.n_outliers,
    outliers.n_outliers as n_outliers_found,
    segments.outlier_distance,
    agreed(
        segments.outlier_distance,
        inertias.third_quartile
        + 1.5 * (inertias.third_quartile - inertias.first_quartile)
    ) as outlier_distance_recomputed,
    segments.inertia_share,
    agreed(
        segments.inertia_share,
        coalesce(inertias.inertia / nullif(inertias.inertia_of_all, 0), 0),
        tolerance := 1e-6
    ) as inertia_share_recomputed,
    segments.mean_silhouette,
    -- Points beyond a limit have none; then there is nothing to compare with.
    coalesce(
        agreed(
            segments.mean_silhouette, silhouettes.mean_silhouette, tolerance := 1e-6
        ),
        segments.mean_silhouette
    ) as mean_silhouette_recomputed

from audited.main.dim_segments as segments

left join inertias using (segmentation, segment_id)

left join silhouettes using (segmentation, segment_id)

left join outliers using (segmentation, segment_id)

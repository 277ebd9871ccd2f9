select
    *,
    agreed(
        1, sum(loading * loading) over (partition by segmentation, component)
    ) as squared_loadings,
    cast(1 as double) as expected,
    coalesce(
        lag(explained_variance) over (
            partition by segmentation, feature order by component
        ),
        explained_variance
    ) as explained_variance_before,
    agreed(
        cumulative_variance_ratio,
        sum(explained_variance_ratio) over (
            partition by segmentation, feature order by component
        )
    ) as cumulative_variance_ratio_recomputed,
    agreed(
        explained_variance_ratio,
        explained_variance / nullif(
            sum(explained_variance) over (partition by segmentation, feature), 0
        )
    ) as explained_variance_ratio_recomputed

from audited.main.fct_principal_components

select
    *,
    n_segments - row_number() over (
        partition by segmentation order by n_segments
    ) as n_skipped,
    coalesce(
        lag(inertia) over (partition by segmentation order by n_segments), inertia
    ) * (1 + 1e-9) + 1e-9 as inertia_before

from audited.main.fct_cluster_count_scores

select
    segmentation,
    n_segments,
    inertia,
    silhouette,
    calinski_harabasz,
    davies_bouldin,
    gap,
    gap_standard_error,
    stability_ari,
    smallest_segment_share,
    is_exact,
    is_chosen,
    chosen_by

from {{ ref('int_cluster_counts_scored') }}

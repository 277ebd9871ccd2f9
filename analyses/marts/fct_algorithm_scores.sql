select
    segmentation,
    algorithm,
    n_clusters,
    noise_share,
    silhouette,
    calinski_harabasz,
    davies_bouldin,
    ari_to_kmeans,
    seconds,
    parameters,
    n_customers,
    is_exact,
    failure

from {{ ref('int_algorithms_scored') }}

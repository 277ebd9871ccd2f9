with

algorithms as (

    select * from {{ ref('fct_algorithm_scores') }}

)

select
    segmentation,
    algorithm,
    n_clusters,
    round(100 * noise_share, 1) as percent_left_out,
    round(silhouette, 2) as silhouette,
    round(ari_to_kmeans, 2) as agreement

from algorithms

where failure is null

order by
    segmentation asc,
    ari_to_kmeans desc,
    algorithm asc

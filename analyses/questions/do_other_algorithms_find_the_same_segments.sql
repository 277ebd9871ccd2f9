with

algorithms as (

    select * from {{ ref('fct_algorithm_scores') }}

)

select
    algorithm,
    n_clusters,
    round(100 * noise_share, 1) as percent_left_out,
    round(silhouette, 2) as silhouette,
    round(ari_to_kmeans, 2) as agreement

from algorithms

where
    segmentation = 'income_spending'
    and failure is null

order by
    ari_to_kmeans desc,
    algorithm asc

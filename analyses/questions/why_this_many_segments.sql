with

scores as (

    select * from {{ ref('fct_cluster_count_scores') }}

)

select
    n_segments,
    round(inertia, 1) as inertia,
    round(silhouette, 3) as silhouette,
    round(calinski_harabasz, 1) as calinski_harabasz,
    round(davies_bouldin, 3) as davies_bouldin,
    round(100 * smallest_segment_share, 1) as percent_in_the_smallest,
    chosen_by as best_by,
    is_chosen

from scores

where segmentation = 'income_spending'

order by n_segments

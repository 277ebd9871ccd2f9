with

scores as (

    select * from {{ ref('fct_cluster_count_scores') }}

)

select
    segmentation,
    n_segments,
    round(inertia, 1) as inertia,
    round(silhouette, 3) as silhouette,
    round(stability_ari, 2) as stability,
    round(100 * smallest_segment_share, 1) as percent_in_the_smallest,
    chosen_by as best_by,
    is_chosen

from scores

where
    is_chosen
    or chosen_by is not null

order by
    segmentation,
    n_segments

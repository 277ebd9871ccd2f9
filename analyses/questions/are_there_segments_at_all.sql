with

verdicts as (

    select * from {{ ref('fct_segmentation_verdicts') }}

)

select
    segmentation,
    verdict,
    n_segments,
    round(silhouette, 2) as silhouette,
    round(greatest(null_uniform_p95, null_gaussian_p95), 2)
        as silhouette_by_chance,
    round(lowest_jaccard, 2) as least_stable,
    sentence

from verdicts

order by segmentation

select
    *,
    (failure is null) = (silhouette is not null and parameters is not null)
        as has_score_or_failure

from audited.main.fct_algorithm_scores

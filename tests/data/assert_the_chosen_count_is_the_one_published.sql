-- One number of segments is chosen, and its fit is the fit of the segments.
with

scores as (

    select
        segmentation,

        count(*) as n_chosen,
        max(n_segments) as n_segments,
        max(inertia) as inertia

    from {{ ref('fct_cluster_count_scores') }}

    where is_chosen

    group by segmentation

),

fitted as (

    select
        segmentation,

        count(*) as n_segments,
        max(inertia) as inertia

    from {{ ref('segments') }}

    group by segmentation

)

select
    coalesce(fitted.segmentation, scores.segmentation) as segmentation,
    scores.n_chosen,
    scores.n_segments as n_segments_chosen,
    fitted.n_segments,
    scores.inertia as inertia_scored,
    fitted.inertia

from fitted

full join scores
    on fitted.segmentation = scores.segmentation

where
    scores.n_chosen is null
    or fitted.n_segments is null
    or scores.n_chosen <> 1
    or scores.n_segments <> fitted.n_segments
    or abs(scores.inertia - fitted.inertia) > 1e-9 * greatest(fitted.inertia, 1)

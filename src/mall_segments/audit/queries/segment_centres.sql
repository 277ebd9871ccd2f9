{#- Each centroid beside the mean of the customers that it was fitted to. -#}
with

means as (
{% for feature in features %}
    select
        segmentation,
        segment_id,
        {{ feature | quoted }} as feature,
        sum(n_fitted * fitted_{{ feature }}) / sum(n_fitted) as mean_of_fitted

    from memory.main.fitted_segments

    group by all
    {{ "union all" if not loop.last }}
{% endfor %}
),

centroids as (
{% for feature in features %}
    select
        segmentation,
        segment_id,
        {{ feature | quoted }} as feature,
        centroid_{{ feature }} as centroid

    from audited.main.dim_segments
    {{ "union all" if not loop.last }}
{% endfor %}
)

select
    segmentation,
    segment_id,
    feature,
    centroids.centroid,
    agreed(centroids.centroid, means.mean_of_fitted, tolerance := 1e-6)
        as mean_of_fitted

from centroids

left join means using (segmentation, segment_id, feature)

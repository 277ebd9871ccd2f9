with

counted as (

    select
        *,
        count(*) over (partition by segmentation) as n_segments_counted,
        sum(n_customers) over (partition by segmentation) as n_all_customers

    from audited.main.dim_segments

)

select
    counted.*,
    concat_ws(
        ', ',
        {% for feature in features %}
        case
            when
                counted.centroid_{{ feature }} is not null
                or counted.scaled_centroid_{{ feature }} is not null
                then {{ feature | quoted }}
        end{{ "," if not loop.last }}
        {% endfor %}
    ) as features,
    settings.features as features_set,
    agreed(counted.customer_share, counted.n_customers / n_all_customers) as customer_share_recomputed,
    {% for feature in features %}
    agreed(
        counted.centroid_{{ feature }},
        models.center_{{ feature }}
        + counted.scaled_centroid_{{ feature }} * models.scale_{{ feature }}
    ) as centroid_{{ feature }}_unscaled,
    {% endfor %}
    bounded(
        n_segments_counted, settings.least_segments, settings.most_segments
    ) as n_segments_allowed,
    settings.chosen_by as chosen_by_set,
    settings.scaler as scaler_set,
    settings.random_seed as random_seed_set

from counted

left join memory.main.settings_segmentations as settings
    on counted.segmentation = settings.segmentation

left join memory.main.model_segments as models
    on
        counted.segmentation = models.segmentation
        and counted.segment_id = models.segment_id

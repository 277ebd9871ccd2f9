{#- Each point with what the one rule of assignment gives for it. -#}
with

distances as (

    select
        points.segmentation,
        points.point_id,
        models.segment_id,
        models.outlier_distance,
        {% for feature in features %}
        {% set gap -%}
        coalesce(
            (points.{{ feature }} - models.center_{{ feature }})
            / models.scale_{{ feature }}
            - models.scaled_centroid_{{ feature }},
            0
        )
        {%- endset %}
        {{ "+ " if not loop.first }}{{ gap }} * {{ gap }}
        {% endfor %} as squared_distance

    from audited.main.fct_segment_points as points

    inner join memory.main.model_segments as models
        on points.segmentation = models.segmentation

),

ranked as (

    select
        *,
        row_number() over (
            partition by segmentation, point_id
            order by squared_distance, segment_id
        ) as nearness,
        min(squared_distance) over (
            partition by segmentation, point_id
        ) as least_squared_distance

    from distances

),

affinities as (

    select
        *,
        case
            when nearness = 1 then 1
            when least_squared_distance = 0 then 0
            else least_squared_distance / squared_distance
        end as affinity

    from ranked

),

nearest as (

    select
        segmentation,
        point_id,
        max(case when nearness = 1 then segment_id end) as segment_id,
        max(case when nearness = 1 then sqrt(squared_distance) end) as distance,
        max(case when nearness = 1 then outlier_distance end) as outlier_distance,
        max(case when nearness = 2 then segment_id end) as second_segment_id,
        max(case when nearness = 2 then sqrt(squared_distance) end)
            as second_distance,
        1 / sum(affinity) as membership,
        max(case when nearness = 2 then affinity end) / sum(affinity)
            as second_membership

    from affinities

    group by
        segmentation,
        point_id

)

select
    points.*,
    nearest.segment_id as nearest_segment_id,
    names.segment_name as segment_name_given,
    agreed(points.distance, nearest.distance) as distance_recomputed,
    nearest.second_segment_id as second_segment_id_recomputed,
    agreed(points.second_distance, nearest.second_distance)
        as second_distance_recomputed,
    agreed(points.membership, nearest.membership) as membership_recomputed,
    agreed(points.margin, nearest.membership - nearest.second_membership)
        as margin_recomputed,
    agreed(points.distance, nearest.distance) > nearest.outlier_distance
        as is_outlier_recomputed,
    concat_ws(
        ', ',
        {% for feature in features %}
        case
            when points.{{ feature }} is not null then {{ feature | quoted }}
        end{{ "," if not loop.last }}
        {% endfor %}
    ) as features,
    settings.features as features_set

from audited.main.fct_segment_points as points

left join nearest
    on
        points.segmentation = nearest.segmentation
        and points.point_id = nearest.point_id

left join memory.main.settings_segmentations as settings
    on points.segmentation = settings.segmentation

left join audited.main.dim_segments as names
    on
        points.segmentation = names.segmentation
        and points.segment_id = names.segment_id

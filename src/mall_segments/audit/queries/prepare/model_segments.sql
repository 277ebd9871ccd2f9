create table memory.main.model_segments (
    segmentation varchar,
    segment_id bigint,
    n_customers bigint,
    outlier_distance double,
    {% for feature in features %}
    scaled_centroid_{{ feature }} double,
    {% endfor %}
    {% for feature in features %}
    center_{{ feature }} double,
    {% endfor %}
    {% for feature in features %}
    scale_{{ feature }} double{{ "," if not loop.last }}
    {% endfor %}
)

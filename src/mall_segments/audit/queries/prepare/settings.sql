create table memory.main.settings_features (
    feature varchar, minimum double, maximum double, resolution double, is_whole boolean
);
insert into memory.main.settings_features values
{% for feature in settings.features %}
    (
        {{ feature.name | quoted }},
        {{ feature.minimum }}, {{ feature.maximum }}, {{ feature.resolution }},
        {{ feature.is_whole }}
    ){{ "," if not loop.last else ";" }}
{% endfor %}

create table memory.main.settings_segmentations (
    segmentation varchar,
    features varchar,
    n_features bigint,
    least_segments bigint,
    most_segments bigint,
    chosen_by varchar,
    scaler varchar,
    random_seed bigint
);
insert into memory.main.settings_segmentations values
{% for segmentation in settings.segmentations %}
{% set is_auto = segmentation.n_segments == "auto" %}
    (
        {{ segmentation.name | quoted }},
        {{ features | select("in", segmentation.features) | join(", ") | quoted }},
        {{ segmentation.features | length }},
        {{ segmentation.min_segments if is_auto else segmentation.n_segments }},
        {{ segmentation.max_segments if is_auto else segmentation.n_segments }},
        '{{ "silhouette" if is_auto else "setting" }}',
        {{ segmentation.scaler | quoted }},
        {{ segmentation.random_seed }}
    ){{ "," if not loop.last else ";" }}
{% endfor %}

{#- The customers of each segment as every table counts them; 0 where it has none. -#}
with

counts as (

    select segmentation, segment_id, 'dim_segments' as place, n_customers

    from audited.main.dim_segments

    union all

    select segmentation, segment_id, 'model' as place, n_customers

    from memory.main.model_segments

    union all

    select segmentation, segment_id, 'customers' as place, sum(n_customers)

    from memory.main.segment_groups

    group by all

    union all

    select segmentation, segment_id, 'points' as place, sum(n_customers)

    from audited.main.fct_segment_points

    group by all

    union all

    select segmentation, segment_id, 'demographics' as place, sum(n_customers)

    from audited.main.fct_segment_demographics

    group by all

    {% for feature in features %}
    union all

    select
        segmentation, segment_id, 'profiles_{{ feature }}' as place, sum(n_customers)

    from audited.main.fct_segment_profiles

    where feature = {{ feature | quoted }}

    group by all

    union all

    select
        segmentation, segment_id, 'values_{{ feature }}' as place, sum(n_customers)

    from audited.main.fct_segment_feature_values

    where feature = {{ feature | quoted }}

    group by all

    {% endfor %}
)

select
    segmentation,
    segment_id,
    {% for place in [
        "dim_segments", "model", "customers", "points", "demographics"
    ] %}
    cast(
        coalesce(sum(n_customers) filter (where place = '{{ place }}'), 0) as bigint
    ) as n_in_{{ place }},
    {% endfor %}
    {% for feature in features %}
    {% for place in ["profiles", "values"] %}
    cast(
        coalesce(
            sum(n_customers) filter (where place = '{{ place }}_{{ feature }}'), 0
        ) as bigint
    ) as n_in_{{ place }}_{{ feature }}{{ "," if not loop.last }}
    {%- endfor %}
    {{ "," if not loop.last }}
    {% endfor %}

from counts

group by
    segmentation,
    segment_id

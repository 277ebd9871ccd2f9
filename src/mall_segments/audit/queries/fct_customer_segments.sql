{% from "rules.jinja" import broken %}
{#- One row per segmentation: how many customers' rows disagree with their point. -#}
{% macro other(column) -%}
{{ broken(
    "n_other_" ~ column,
    "point_id is not null and found_" ~ column ~ " is distinct from " ~ column,
    weight="n_customers",
    example="example"
) }}
{%- endmacro %}
with

compared as (

    select
        found.segmentation,
        found.is_orphan,
        found.is_imputed,
        found.is_imputed_recomputed,
        found.n_customers,
        found.example,
        found.segment_id as found_segment_id,
        found.segment_name as found_segment_name,
        found.distance as found_distance,
        found.second_segment_id as found_second_segment_id,
        found.second_distance as found_second_distance,
        found.membership as found_membership,
        found.margin as found_margin,
        found.silhouette as found_silhouette,
        found.is_outlier as found_is_outlier,
        points.point_id,
        points.segment_id,
        points.segment_name,
        points.distance,
        points.second_segment_id,
        points.second_distance,
        points.membership,
        points.margin,
        points.silhouette,
        points.is_outlier

    from memory.main.segment_groups as found

    left join audited.main.fct_segment_points as points
        on
            found.segmentation = points.segmentation
            {% for feature in features %}
            and found.point_{{ feature }} is not distinct from points.{{ feature }}
            {% endfor %}

),

distinct_customers as (

    select
        segmentation,
        count(*) as n_rows,
        count(distinct customer_id) as n_distinct_ids

    from audited.main.fct_customer_segments

    group by segmentation

),

violations as (

    select
        segmentation,
        {{ broken("n_orphans", "is_orphan", "n_customers", "example") }},
        {{ broken(
            "n_without_point", "not is_orphan and point_id is null", "n_customers",
            "example"
        ) }},
        {% for column in [
            "segment_id", "segment_name", "distance", "second_segment_id",
            "second_distance", "membership", "margin", "silhouette", "is_outlier"
        ] %}
        {{ other(column) }},
        {% endfor %}
        {{ broken(
            "n_other_flags", "is_imputed is distinct from is_imputed_recomputed",
            "n_customers", "example"
        ) }}

    from compared

    group by segmentation

)

select
    violations.*,
    distinct_customers.n_rows,
    distinct_customers.n_distinct_ids,
    cast({{ accepted }} as bigint) as n_accepted

from violations

inner join distinct_customers
    on violations.segmentation is not distinct from distinct_customers.segmentation

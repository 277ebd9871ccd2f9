{#- Customers on each point: as published, and as found customer by customer. -#}
with

found as (

    select
        segmentation,
        {% for feature in features %}
        point_{{ feature }},
        {% endfor %}
        cast(sum(n_customers) as bigint) as n_customers_found

    from memory.main.found_points

    group by all

)

select
    coalesce(points.segmentation, found.segmentation) as segmentation,
    points.point_id,
    {% for feature in features %}
    coalesce(points.{{ feature }}, found.point_{{ feature }}) as {{ feature }},
    {% endfor %}
    coalesce(points.n_customers, 0) as n_customers,
    coalesce(found.n_customers_found, 0) as n_customers_found

from audited.main.fct_segment_points as points

full join found
    on
        points.segmentation = found.segmentation
        {% for feature in features %}
        and points.{{ feature }} is not distinct from found.point_{{ feature }}
        {% endfor %}

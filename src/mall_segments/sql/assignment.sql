{#-
The one expression that assigns every customer: nearest centroid, ties to the lower id.

dbt reads this file among its macros and the package renders it with plain Jinja, so it
uses nothing of dbt's. It is SQL that DuckDB, Spark, Postgres, Snowflake and BigQuery
take: `least` never sees a null, and nothing that underflows is raised to a power.

A layout says what is known before anything is fitted:

    {'name': 'income_spending', 'n_slots': 10, 'features': [
        {'name': 'income', 'type': 'number', 'transform': 'log', 'is_clipped': true,
         'first': 1, 'n_coordinates': 1},
        {'name': 'gender', 'type': 'category', 'first': 2, 'n_coordinates': 12}]}

`first` is the number of the feature's first coordinate. What is fitted is in one row of
parameters: `<feature>_imputed`; per coordinate `c1_low`, `c1_high`, `c1_power`,
`c1_level`, `c1_center`, `c1_scale`, `c1_weight`; `precision`, which is 1 / (2 variance);
and per segment, in the order of their ids, `s1_id`, `s1_share`, `s1_outlier_distance`
and `s1_c1`. A slot that no segment has is null.
-#}

{% macro coordinates(layout, customers, parameters, double) %}
{#- Customers with `coordinate_1`, … as sub-select: impute, clip, transform, scale. -#}
    select prepared.*
        {%- for feature in layout.features %}
        {%- for number in range(feature.first, feature.first + feature.n_coordinates) %}, {% if feature.type == 'category' -%}
        (case when coalesce(prepared.{{ feature.name }}, 'unknown') = parameters.c{{ number }}_level then 1.0 else 0.0 end
        {%- elif feature.transform == 'log' -%}
        (ln(1.0 + prepared.value_{{ number }})
        {%- elif feature.transform == 'yeo_johnson' -%}
        ({{ yeo_johnson('prepared.value_' ~ number, 'parameters.c' ~ number ~ '_power') }}
        {%- else -%}
        (prepared.value_{{ number }}
        {%- endif %} - parameters.c{{ number }}_center) / parameters.c{{ number }}_scale * parameters.c{{ number }}_weight as coordinate_{{ number }}
        {%- endfor %}
        {%- endfor %}
    from (
        select customers.*
            {%- for feature in layout.features if feature.type == 'number' %}, {% set value = 'coalesce(cast(customers.' ~ feature.name ~ ' as ' ~ double ~ '), parameters.' ~ feature.name ~ '_imputed)' -%}
            {% if feature.is_clipped -%}
            least(greatest({{ value }}, parameters.c{{ feature.first }}_low), parameters.c{{ feature.first }}_high) as value_{{ feature.first }}
            {%- else -%}
            {{ value }} as value_{{ feature.first }}
            {%- endif %}
            {%- endfor %}
        from {{ customers }} as customers
        cross join {{ parameters }} as parameters
    ) as prepared
    cross join {{ parameters }} as parameters
{%- endmacro %}

{% macro yeo_johnson(value, power) -%}
{#- Yeo and Johnson (2000), whose two branches have logarithms as their limits. -#}
case when {{ value }} >= 0 and abs({{ power }}) < 1e-12 then ln(1.0 + {{ value }}) when {{ value }} >= 0 then (power(1.0 + {{ value }}, {{ power }}) - 1.0) / {{ power }} when abs({{ power }} - 2.0) < 1e-12 then -ln(1.0 - {{ value }}) else -(power(1.0 - {{ value }}, 2.0 - {{ power }}) - 1.0) / (2.0 - {{ power }}) end
{%- endmacro %}

{% macro by_slot(layout, slot, ending) -%}
case {{ slot }} {% for number in range(1, layout.n_slots + 1) %}when {{ number }} then parameters.s{{ number }}_{{ ending }} {% endfor %}end
{%- endmacro %}

{% macro assignment(layout, customers, parameters, double='double') %}
{#-
A select of `customers.*` and `segment_id`, `distance`, `second_segment_id`,
`second_distance`, `membership`, `is_outlier` and `is_imputed`, besides the columns
named `value_1`, `coordinate_1`, `distance_1`, … that it is computed from.
-#}
{%- set slots = range(1, layout.n_slots + 1) -%}
{%- set last = layout.features[-1].first + layout.features[-1].n_coordinates -%}
select
    ranked.*,
    {{ by_slot(layout, 'ranked.nearest_slot', 'id') }} as segment_id,
    sqrt(ranked.nearest_distance) as distance,
    {{ by_slot(layout, 'ranked.second_slot', 'id') }} as second_segment_id,
    sqrt(ranked.second_nearest_distance) as second_distance,
    {{ by_slot(layout, 'ranked.nearest_slot', 'share') }} / (
        {%- for slot in slots %}
        {{- ' + ' if not loop.first }}case when parameters.s{{ slot }}_id is null then 0.0 else parameters.s{{ slot }}_share * exp(greatest(-700.0, (ranked.nearest_distance - ranked.distance_{{ slot }}) * parameters.precision)) end
        {%- endfor -%}
    ) as membership,
    sqrt(ranked.nearest_distance) > {{ by_slot(layout, 'ranked.nearest_slot', 'outlier_distance') }} as is_outlier,
    {% for feature in layout.features if feature.type == 'number' -%}
    {{ ' or ' if not loop.first }}ranked.{{ feature.name }} is null
    {%- else -%}
    1 = 0
    {%- endfor %} as is_imputed
from (
    select second.*, case {% for slot in slots %}when second.nearest_slot <> {{ slot }} and second.distance_{{ slot }} = second.second_nearest_distance then {{ slot }} {% endfor %}end as second_slot
    from (
        select nearest.*, least({% for slot in slots %}case when nearest.nearest_slot = {{ slot }} then 1e300 else nearest.distance_{{ slot }} end{{ ', ' if not loop.last }}{% endfor %}) as second_nearest_distance
        from (
            select least_distances.*, case {% for slot in slots %}when least_distances.distance_{{ slot }} = least_distances.nearest_distance then {{ slot }} {% endfor %}end as nearest_slot
            from (
                select distances.*, least({% for slot in slots %}distances.distance_{{ slot }}{{ ', ' if not loop.last }}{% endfor %}) as nearest_distance
                from (
                    select coordinates.*
                        {%- for slot in slots %}, coalesce({% for number in range(1, last) %}(coordinates.coordinate_{{ number }} - parameters.s{{ slot }}_c{{ number }}) * (coordinates.coordinate_{{ number }} - parameters.s{{ slot }}_c{{ number }}){{ ' + ' if not loop.last }}{% endfor %}, 1e300) as distance_{{ slot }}
                        {%- endfor %}
                    from ({{ coordinates(layout, customers, parameters, double) }}) as coordinates
                    cross join {{ parameters }} as parameters
                ) as distances
            ) as least_distances
        ) as nearest
    ) as second
) as ranked
cross join {{ parameters }} as parameters
{%- endmacro %}

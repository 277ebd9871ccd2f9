-- The one reading of fct_customer_segments: its rows with the customers they name,
-- grouped by everything that is compared with other tables.
create table memory.main.segment_groups as
with

assigned as (

    select
        facts.segmentation,
        facts.segment_id,
        facts.segment_name,
        facts.distance,
        facts.second_segment_id,
        facts.second_distance,
        facts.membership,
        facts.margin,
        facts.silhouette,
        facts.is_outlier,
        facts.is_imputed,
        facts.customer_id,
        customers.gender,
        customers.age_band,
        {% for feature in settings.features %}
        {% set name = feature.name %}
        case
            when customers.is_{{ name }}_imputed then customers.{{ name }}
            else
                round(customers.{{ name }} / {{ feature.resolution }})
                * {{ feature.resolution }}
        end as {{ name }},
        customers.{{ name }} as exact_{{ name }},
        customers.is_{{ name }}_imputed,
        {% endfor %}
        customers.customer_id is null as is_orphan

    from audited.main.fct_customer_segments as facts

    left join audited.main.dim_customers as customers
        on facts.customer_id = customers.customer_id

)

select
    assigned.* exclude (customer_id, {{ "exact_" ~ features | join(", exact_") }}),
    case assigned.segmentation
        {% for segmentation in settings.segmentations %}
        when {{ segmentation.name | quoted }}
            then
                {% for feature in segmentation.features %}
                is_{{ feature }}_imputed {{ "or " if not loop.last }}
                {%- endfor %}
        {% endfor %}
    end as is_imputed_recomputed,
    {% for feature in features %}
    case
        when assigned.segmentation in (
            {% for segmentation in settings.segmentations
                if feature in segmentation.features %}
            {{ segmentation.name | quoted }}{{ "," if not loop.last }}
            {% else %}
            null
            {% endfor %}
        )
            then exact_{{ feature }}
    end as point_{{ feature }},
    case when point_{{ feature }} is not null then {{ feature }} end
        as fitted_{{ feature }},
    {% endfor %}
    count(*) as n_customers,
    min(assigned.customer_id) as example

from assigned

group by all;

-- The values of every feature in each segment, imputed ones among them.
create table memory.main.segment_values as
{% for feature in features %}
select
    segmentation,
    segment_id,
    {{ feature | quoted }} as feature,
    {{ feature }} as value,
    cast(sum(n_customers) as bigint) as n_customers

from memory.main.segment_groups

where not is_orphan

group by all
{{ "union all" if not loop.last }}
{% endfor %}
;

-- The points that customers were found on.
create table memory.main.found_points as
select
    segmentation,
    {% for feature in features %}
    point_{{ feature }},
    {% endfor %}
    cast(sum(n_customers) as bigint) as n_customers

from memory.main.segment_groups

where not is_orphan

group by all;

-- The points that segments were fitted to: values in steps of their resolution.
create table memory.main.fitted_points as
select
    segmentation,
    {% for feature in features %}
    fitted_{{ feature }},
    {% endfor %}
    max(silhouette) as silhouette,
    cast(sum(n_customers) as bigint) as n_fitted

from memory.main.segment_groups

where not is_orphan and not is_imputed

group by all;

-- The same with the nearest segment of the model.
create table memory.main.fitted_segments as
select
    points.*,
    models.segment_id,
    {% for feature in features %}
    {% set gap -%}
    coalesce(
        (points.fitted_{{ feature }} - models.center_{{ feature }})
        / models.scale_{{ feature }}
        - models.scaled_centroid_{{ feature }},
        0
    )
    {%- endset %}
    {{ "+ " if not loop.first }}{{ gap }} * {{ gap }}
    {% endfor %} as squared_distance

from memory.main.fitted_points as points

inner join memory.main.model_segments as models
    on points.segmentation = models.segmentation

qualify
    row_number() over (
        partition by
            points.segmentation,
            {% for feature in features %}
            points.fitted_{{ feature }}{{ "," if not loop.last }}
            {% endfor %}
        order by squared_distance, models.segment_id
    ) = 1

-- The one reading of dim_customers for everything that only needs counts: one row per
-- combination of gender, age band and feature values. An imputed value is left as it
-- is; an observed one is grouped to the feature's resolution, as the build does.
create table memory.main.customer_groups as
select
    gender,
    age_band,
    {% for feature in settings.features %}
    {% set name = feature.name %}
    case
        when is_{{ name }}_imputed then {{ name }}
        else round({{ name }} / {{ feature.resolution }}) * {{ feature.resolution }}
    end as {{ name }},
    is_{{ name }}_imputed,
    {% endfor %}
    count(*) as n_customers

from audited.main.dim_customers

group by all;

-- The observed values of each feature, with their customers.
create table memory.main.observed_values as
{% for feature in features %}
select
    {{ feature | quoted }} as feature,
    gender,
    {{ feature }} as value,
    cast(sum(n_customers) as bigint) as n_customers

from memory.main.customer_groups

where not is_{{ feature }}_imputed

group by all
{{ "union all" if not loop.last }}
{% endfor %}

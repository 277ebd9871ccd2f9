{% from "rules.jinja" import broken %}
select
    count(*) as n_rows,
    count(distinct customer_id) as n_distinct_ids,
    {{ broken("n_other_genders", "gender not in ('female', 'male', 'unknown')") }},
    {% if "age_years" in features %}
    {% set age_band -%}
    case
        when is_age_years_imputed then 'unknown'
        when age_years < 18 then 'under 18'
        when age_years < 25 then '18-24'
        when age_years < 35 then '25-34'
        when age_years < 45 then '35-44'
        when age_years < 55 then '45-54'
        when age_years < 65 then '55-64'
        else '65 and over'
    end
    {%- endset %}
    {{ broken("n_other_age_bands", "age_band <> " ~ age_band) }},
    {% endif %}
    {% for feature in settings.features %}
    {% set name = feature.name %}
    {{ broken(
        "n_" ~ name ~ "_outside",
        name ~ " not between " ~ feature.minimum ~ " and " ~ feature.maximum
    ) }},
    {{ broken(
        "n_" ~ name ~ "_not_whole",
        "not is_" ~ name ~ "_imputed and " ~ name ~ " <> round(" ~ name ~ ")"
        if feature.is_whole else "false"
    ) }},
    {{ broken(
        "n_" ~ name ~ "_not_median",
        "is_" ~ name ~ "_imputed and " ~ name ~ " is distinct from ("
        ~ "select max(median) from audited.main.fct_feature_summary "
        ~ "where feature = '" ~ name ~ "')"
    ) }},
    {% endfor %}
    {% set is_any_imputed %}
    {% for feature in features %}
    is_{{ feature }}_imputed {{ "or " if not loop.last }}
    {%- endfor %}
    {% endset %}
    {{ broken("n_other_flags", "is_imputed <> (" ~ is_any_imputed ~ ")") }}

from audited.main.dim_customers

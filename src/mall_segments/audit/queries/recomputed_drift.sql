{#- The published drift beside the drift measured again from both generations. -#}
select
    published.*,
    {% for column in ["population_stability_index", "ks_statistic", "previous_mean"] %}
    agreed(published.{{ column }}, again.{{ column }}) as {{ column }}_recomputed,
    {% endfor %}
    agreed(published.ks_p_value, again.ks_p_value, tolerance := 1e-6)
        as ks_p_value_recomputed,
    again.previous_n_customers as previous_n_customers_recomputed

from audited.main.fct_feature_drift as published

left join recomputed_drift as again using (feature)

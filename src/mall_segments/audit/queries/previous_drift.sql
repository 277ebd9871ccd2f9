{#- How far each feature has moved, as far as chance does not explain it. -#}
select
    drift.feature,
    drift.population_stability_index,
    drift.ks_p_value,
    case
        when drift.ks_p_value < {{ chance }} then drift.population_stability_index
        else 0
    end as surprising_index,
    case
        when drift.ks_p_value < {{ chance }}
            then
                abs(drift.current_mean - drift.previous_mean)
                / nullif(summaries.std, 0)
        else 0
    end as surprising_shift,
    drift.current_n_customers / nullif(drift.previous_n_customers, 0)
        as customer_ratio,
    drift.previous_n_customers,
    drift.current_n_customers,
    drift.previous_mean,
    drift.current_mean

from audited.main.fct_feature_drift as drift

left join audited.main.fct_feature_summary as summaries using (feature)

where drift.previous_n_customers is not null

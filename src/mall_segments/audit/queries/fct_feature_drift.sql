select
    published.*,
    case
        when published.population_stability_index < 0.1 then 'stable'
        when published.population_stability_index <= 0.25 then 'moderate'
        when published.population_stability_index > 0.25 then 'major'
    end as reading_recomputed,
    summaries.n_customers as n_customers_found,
    agreed(published.current_mean, summaries.mean) as current_mean_recomputed

from audited.main.fct_feature_drift as published

left join audited.main.fct_feature_summary as summaries using (feature)

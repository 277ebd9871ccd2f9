select
    feature,
    population_stability_index,
    reading,
    ks_statistic,
    ks_p_value,
    previous_n_customers,
    current_n_customers,
    previous_mean,
    current_mean

from {{ ref('int_feature_drift') }}

with

drift as (

    select * from {{ ref('fct_feature_drift') }}

)

select
    feature,
    reading,
    round(population_stability_index, 3) as population_stability_index,
    round(ks_p_value, 3) as ks_p_value,
    round(previous_mean, 1) as previous_mean,
    round(current_mean, 1) as current_mean

from drift

order by
    population_stability_index desc,
    feature asc

with

bins as (

    select
        *,
        sum(n_customers) over (partition by feature) as n_total

    from audited.main.fct_feature_distribution

)

select
    coalesce(bins.feature, found.feature) as feature,
    coalesce(bins.gender, found.gender) as gender,
    bins.bin_from,
    bins.bin_to,
    coalesce(max(bins.n_customers), 0) as n_customers,
    cast(coalesce(sum(found.n_customers), 0) as bigint) as n_customers_found,
    max(bins.customer_share) as customer_share,
    agreed(max(bins.customer_share), max(bins.n_customers / bins.n_total))
        as customer_share_recomputed

from bins

full join memory.main.observed_values as found
    on
        bins.feature = found.feature
        and bins.gender = found.gender
        and found.value >= bins.bin_from
        and found.value < bins.bin_to

group by
    coalesce(bins.feature, found.feature),
    coalesce(bins.gender, found.gender),
    bins.bin_from,
    bins.bin_to

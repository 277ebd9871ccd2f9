with

-- Its bins are those of the histograms, which have a suite of their own.
binned as (

    select distinct
        observed.feature,
        observed.value,
        bins.bin_from,
        bins.bin_to

    from memory.main.observed_values as observed

    inner join audited.main.fct_feature_distribution as bins
        on
            observed.feature = bins.feature
            and observed.value >= bins.bin_from
            and observed.value < bins.bin_to

),

pairs as (
{% for feature in features %}
{% for other_feature in features[loop.index:] %}
    select
        segmentation,
        segment_id,
        gender,
        {{ feature | quoted }} as feature,
        {{ other_feature | quoted }} as other_feature,
        {{ feature }} as value,
        {{ other_feature }} as other_value,
        n_customers

    from memory.main.segment_groups

    where
        not is_orphan
        and not is_{{ feature }}_imputed
        and not is_{{ other_feature }}_imputed

    union all
{% endfor %}
{% endfor %}
    select
        '' as segmentation,
        0 as segment_id,
        '' as gender,
        '' as feature,
        '' as other_feature,
        0 as value,
        0 as other_value,
        0 as n_customers

    where false

),

found as (

    select
        pairs.segmentation,
        pairs.segment_id,
        pairs.gender,
        pairs.feature,
        pairs.other_feature,
        binned.bin_from,
        other_binned.bin_from as other_bin_from,
        max(binned.bin_to) as bin_to,
        max(other_binned.bin_to) as other_bin_to,
        cast(sum(pairs.n_customers) as bigint) as n_customers

    from pairs

    inner join binned
        on pairs.feature = binned.feature and pairs.value = binned.value

    inner join binned as other_binned
        on
            pairs.other_feature = other_binned.feature
            and pairs.other_value = other_binned.value

    group by all

)

select
    coalesce(published.segmentation, found.segmentation) as segmentation,
    coalesce(published.segment_id, found.segment_id) as segment_id,
    coalesce(published.gender, found.gender) as gender,
    coalesce(published.feature, found.feature) as feature,
    coalesce(published.other_feature, found.other_feature) as other_feature,
    coalesce(published.bin_from, found.bin_from) as bin_from,
    coalesce(published.other_bin_from, found.other_bin_from)
        as other_bin_from,
    published.bin_to,
    found.bin_to as bin_to_found,
    published.other_bin_to,
    found.other_bin_to as other_bin_to_found,
    coalesce(published.n_customers, 0) as n_customers,
    coalesce(found.n_customers, 0) as n_customers_found

from audited.main.fct_feature_pairs as published

full join found
    on
        published.segmentation = found.segmentation
        and published.segment_id = found.segment_id
        and published.gender = found.gender
        and published.feature = found.feature
        and published.other_feature = found.other_feature
        and published.bin_from = found.bin_from
        and published.other_bin_from = found.other_bin_from

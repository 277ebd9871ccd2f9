-- Every customer with both values is counted once per segmentation and pair.
with

pairs as (

    select
        segmentation,
        least(feature, other_feature) as feature,
        greatest(feature, other_feature) as other_feature,

        sum(n_customers) as n_counted

    from {{ ref('fct_feature_pairs') }}

    group by
        segmentation,
        least(feature, other_feature),
        greatest(feature, other_feature)

),

correlations as (

    select * from {{ ref('fct_feature_correlation') }}

    where feature < other_feature

),

segmentations as (

    select distinct segmentation

    from {{ ref('dim_segments') }}

),

expected as (

    select
        segmentations.segmentation,
        correlations.feature,
        correlations.other_feature,
        correlations.n_customers

    from correlations

    cross join segmentations

)

select
    coalesce(expected.segmentation, pairs.segmentation) as segmentation,
    coalesce(expected.feature, pairs.feature) as feature,
    coalesce(expected.other_feature, pairs.other_feature) as other_feature,
    expected.n_customers,
    pairs.n_counted

from expected

full join pairs
    on
        expected.segmentation = pairs.segmentation
        and expected.feature = pairs.feature
        and expected.other_feature = pairs.other_feature

where
    expected.n_customers is null
    or pairs.n_counted is null
    or expected.n_customers <> pairs.n_counted

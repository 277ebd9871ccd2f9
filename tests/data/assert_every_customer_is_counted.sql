-- Segments, points, profiles, levels and demographics count the same customers.
with

accepted as (

    select n as n_accepted

    from {{ ref('fct_input_counts') }}

    where measure = 'accepted customers'

),

counted as (

    select
        'segments' as counted_in,
        segmentation,
        sum(n_customers) as n_customers

    from {{ ref('dim_segments') }}

    group by segmentation

    union all

    select
        'points' as counted_in,
        segmentation,
        sum(n_customers) as n_customers

    from {{ ref('fct_segment_points') }}

    group by segmentation

    union all

    select
        'demographics' as counted_in,
        segmentation,
        sum(n_customers) as n_customers

    from {{ ref('fct_segment_demographics') }}

    group by segmentation

    union all

    select
        concat('profiles of ', feature) as counted_in,
        segmentation,
        sum(n_customers) as n_customers

    from {{ ref('fct_segment_profiles') }}

    group by
        segmentation,
        feature

    union all

    select
        concat('values of ', feature) as counted_in,
        segmentation,
        sum(n_customers) as n_customers

    from {{ ref('fct_segment_feature_values') }}

    group by
        segmentation,
        feature

    union all

    select
        concat('levels of ', feature) as counted_in,
        segmentation,
        sum(n_customers) as n_customers

    from {{ ref('fct_segment_categories') }}

    group by
        segmentation,
        feature

)

select
    counted.*,
    accepted.n_accepted

from counted

cross join accepted

where counted.n_customers <> accepted.n_accepted

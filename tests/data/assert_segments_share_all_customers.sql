-- There is no inertia to share where all customers stand on centroids.
with

segments as (

    select * from {{ ref('dim_segments') }}

),

accepted as (

    select n as n_accepted

    from {{ ref('fct_input_counts') }}

    where measure = 'accepted customers'

),

segmentations as (

    select
        segmentation,

        sum(n_customers) as n_customers,
        sum(customer_share) as customer_share,
        sum(inertia_share) as inertia_share,
        count(*) as n_found,
        min(n_segments) as least_n_segments,
        max(n_segments) as most_n_segments

    from segments

    group by segmentation

)

select
    segmentations.*,

    accepted.n_accepted

from segmentations

cross join accepted

where
    segmentations.n_customers <> accepted.n_accepted
    or abs(segmentations.customer_share - 1) > 1e-9
    or (
        segmentations.inertia_share <> 0
        and abs(segmentations.inertia_share - 1) > 1e-9
    )
    or segmentations.n_found <> segmentations.least_n_segments
    or segmentations.n_found <> segmentations.most_n_segments

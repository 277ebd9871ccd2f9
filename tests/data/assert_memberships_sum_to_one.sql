with

points as (

    select
        segmentation,
        point_id,

        sum(membership) as sum_of_memberships,
        min(membership) as least_membership,
        max(membership) as most_membership

    from {{ ref('int_segment_distances') }}

    group by
        segmentation,
        point_id

)

select *

from points

where
    abs(sum_of_memberships - 1) > 1e-12
    or least_membership < 0
    or most_membership > 1
    or sum_of_memberships is null

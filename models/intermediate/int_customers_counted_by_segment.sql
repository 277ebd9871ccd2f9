{#-
What fct_customer_segments holds, counted for the tests: customers are counted by their
combination first, because joining each of them to strings would take longer than all
tests.
-#}
with

customers as (

    select
        combination_id,

        count(*) as n_customers

    from {{ ref('int_customer_combinations') }}

    group by combination_id

),

segments as (

    select * from {{ ref('int_combination_segments') }}

),

points as (

    select * from {{ ref('fct_segment_points') }}

)

select
    points.segmentation,
    points.segment_id,
    points.is_outlier,
    segments.is_imputed,

    cast(sum(customers.n_customers) as bigint) as n_customers

from customers

inner join segments
    on customers.combination_id = segments.combination_id

inner join points
    on
        segments.segmentation = points.segmentation
        and segments.point_id = points.point_id

group by
    points.segmentation,
    points.segment_id,
    points.is_outlier,
    segments.is_imputed

{#- The one scan of all assignments, counted here for the tests. -#}
with

customers as (

    select * from {{ ref('fct_customer_segments') }}

)

select
    segmentation,
    segment_id,
    is_outlier,
    is_imputed,

    cast(count(*) as bigint) as n_customers

from customers

group by
    segmentation,
    segment_id,
    is_outlier,
    is_imputed

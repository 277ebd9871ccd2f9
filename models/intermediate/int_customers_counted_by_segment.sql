{#- The one scan of all segments; what is tested about customers is counted here. -#}
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

with

differences as (

    select * from {{ ref('fct_segment_differences') }}

)

select
    segmentation,
    attribute,
    is_fitted,
    effect_reading,
    round(effect_size, 2) as effect_size,
    round(p_value, 4) as p_value

from differences

order by
    segmentation asc,
    effect_size desc,
    attribute asc

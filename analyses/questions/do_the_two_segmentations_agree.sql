with

segments as (

    select * from {{ ref('dim_segments') }}

),

personas as (

    select
        customer_segments.segmentation,
        customer_segments.customer_id,
        segments.segment_id,
        segments.persona

    from {{ ref('fct_customer_segments') }} as customer_segments

    inner join segments
        on
            customer_segments.segmentation = segments.segmentation
            and customer_segments.segment_id = segments.segment_id

),

without_age as (

    select * from personas

    where segmentation = 'income_spending'

),

with_age as (

    select * from personas

    where segmentation = 'age_income_spending'

)

select
    without_age.persona as persona_without_age,
    with_age.persona as persona_with_age,
    count(*) as n_customers

from without_age

inner join with_age
    on without_age.customer_id = with_age.customer_id

group by
    without_age.segment_id,
    without_age.persona,
    with_age.segment_id,
    with_age.persona

order by
    without_age.segment_id asc,
    count(*) desc,
    with_age.segment_id asc

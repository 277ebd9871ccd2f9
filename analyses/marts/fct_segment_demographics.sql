with

customers as (

    select
        segmentation,
        segment_id,
        gender,
        {{ age_band('not is_age_years_imputed', 'age_years') }} as age_band,
        n_customers

    from {{ ref('int_customers_grouped_by_segment') }}

),

counted as (

    select
        segmentation,
        segment_id,
        gender,
        age_band,

        cast(sum(n_customers) as bigint) as n_customers

    from customers

    group by
        segmentation,
        segment_id,
        gender,
        age_band

)

select
    segmentation,
    segment_id,
    gender,
    age_band,
    n_customers,
    cast(n_customers as double) / cast(
        sum(n_customers) over (partition by segmentation, segment_id) as double
    ) as share_of_segment

from counted

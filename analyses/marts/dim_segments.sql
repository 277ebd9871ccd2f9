with

segments as (

    select * from {{ ref('segments') }}

),

customers as (

    select
        segmentation,
        segment_id,

        cast(sum(n_customers) as bigint) as n_customers,
        cast(sum(case when is_outlier then n_customers else 0 end) as bigint)
            as n_outliers

    from {{ ref('int_customers_grouped_by_segment') }}

    group by
        segmentation,
        segment_id

),

sized as (

    select
        segments.*,

        coalesce(customers.n_customers, 0) as n_customers,
        coalesce(customers.n_outliers, 0) as n_outliers,
        sum(customers.n_customers) over (
            partition by segments.segmentation
        ) as n_all_customers

    from segments

    left join customers
        on
            segments.segmentation = customers.segmentation
            and segments.segment_id = customers.segment_id

)

select
    segmentation,
    segment_id,
    segment_name,
    persona,
    recommended_action,
    n_customers,
    cast(n_customers as double) / cast(n_all_customers as double)
        as customer_share,
    n_outliers,
    mean_silhouette,
    inertia_share,
    outlier_distance,
    centroid_age_years,
    centroid_annual_income_kusd,
    centroid_spending_score,
    scaled_centroid_age_years,
    scaled_centroid_annual_income_kusd,
    scaled_centroid_spending_score,
    n_segments,
    chosen_by,
    scaler,
    random_seed

from sized

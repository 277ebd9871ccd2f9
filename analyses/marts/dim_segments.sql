with

segments as (

    select * from {{ ref('segments') }}

),

customers as (

    select
        segmentation,
        segment_id,

        cast(count(*) as bigint) as n_customers,
        cast(sum(case when is_outlier then 1 else 0 end) as bigint)
            as n_outliers

    from {{ ref('int_segment_customers') }}

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
    stability_jaccard,
    inertia_share,
    outlier_distance,
    {%- for feature in all_features() %}
    centroid_{{ feature.name }},
    {%- endfor %}
    {%- for feature in number_features() %}
    scaled_centroid_{{ feature.name }},
    {%- endfor %}
    n_segments,
    chosen_by,
    scaler,
    random_seed

from sized

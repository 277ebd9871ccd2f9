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

{%- if has_orders() %}

-- Customers without orders have spent nothing.
values_of_orders as (

    select
        customers.segmentation,
        customers.segment_id,

        cast(count(orders.customer_id) as bigint) as n_customers_with_orders,
        cast(sum(coalesce(orders.n_orders, 0)) as bigint) as n_orders,
        cast(sum(coalesce(orders.total_spend, 0)) as double) as total_spend,
        -- Null where nothing can be expected of anybody.
        cast(sum(orders.expected_orders_12m) as double) as expected_orders_12m,
        cast(sum(orders.expected_value_12m) as double) as expected_value_12m

    from {{ ref('int_segment_customers') }} as customers

    left join {{ ref('fct_customer_rfm') }} as orders
        on customers.customer_id = orders.customer_id

    group by
        customers.segmentation,
        customers.segment_id

),
{%- endif %}

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
    sized.segmentation,
    sized.segment_id,
    sized.segment_name,
    sized.persona,
    sized.recommended_action,
    sized.n_customers,
    cast(sized.n_customers as double) / cast(sized.n_all_customers as double)
        as customer_share,
    sized.n_outliers,
    sized.mean_silhouette,
    sized.stability_jaccard,
    sized.inertia_share,
    sized.outlier_distance,
    {%- for feature in all_features() %}
    sized.centroid_{{ feature.name }},
    {%- endfor %}
    {%- for feature in number_features() %}
    sized.scaled_centroid_{{ feature.name }},
    {%- endfor %}
    {%- if has_orders() %}
    values_of_orders.n_customers_with_orders,
    values_of_orders.n_orders,
    values_of_orders.total_spend,
    values_of_orders.total_spend
    / nullif(cast(sized.n_customers as double), 0) as mean_spend,
    values_of_orders.total_spend / nullif(
        sum(values_of_orders.total_spend) over (
            partition by sized.segmentation
        ), 0
    ) as spend_share,
    values_of_orders.expected_orders_12m,
    values_of_orders.expected_value_12m,
    {%- endif %}
    sized.n_segments,
    sized.chosen_by,
    sized.scaler,
    sized.random_seed

from sized
{%- if has_orders() %}

left join values_of_orders
    on
        sized.segmentation = values_of_orders.segmentation
        and sized.segment_id = values_of_orders.segment_id
{%- endif %}

with

points as (

    select * from {{ ref('int_customer_points') }}

),

segments as (

    select * from {{ ref('segments') }}

),

distances as (

    select
        points.segmentation,
        points.point_id,
        segments.segment_id,

        segments.outlier_distance,
        {% for feature in var('features') -%}
        {%- set gap -%}
        coalesce(
            points.{{ feature.name }}_scaled
            - segments.scaled_centroid_{{ feature.name }},
            0
        )
        {%- endset -%}
        {{ '+ ' if not loop.first }}{{ gap }} * {{ gap }}
        {% endfor %} as squared_distance

    from points

    inner join segments
        on points.segmentation = segments.segmentation

),

-- The one rule that assigns every customer: the nearest centroid, and of
-- equally near ones the lower id.
ranked as (

    select
        *,

        row_number() over (
            partition by segmentation, point_id
            order by squared_distance, segment_id
        ) as nearness,
        min(squared_distance) over (
            partition by segmentation, point_id
        ) as least_squared_distance

    from distances

),

-- Fuzzy c-means membership with fuzzifier 2 (Bezdek 1981), relative to the
-- nearest segment; as decimals, whose sum is the same in any order.
affinities as (

    select
        *,

        cast(
            case
                when nearness = 1 then 1
                when least_squared_distance = 0 then 0
                else least_squared_distance / squared_distance
            end as decimal(20, 18)
        ) as affinity

    from ranked

),

memberships as (

    select
        segmentation,
        point_id,
        segment_id,

        nearness,
        sqrt(squared_distance) as distance,
        cast(affinity as double)
        / cast(
            sum(affinity) over (partition by segmentation, point_id)
            as double
        ) as membership,
        outlier_distance

    from affinities

)

select * from memberships

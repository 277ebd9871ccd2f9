{#- The bins of fct_feature_distribution, two features of a segmentation at a time. -#}
with

widths as (

    {{ bin_widths() }}

),

point_bins as (
    {%- for feature in number_features() %}
    select points.segmentation, points.point_id, widths.feature, widths.bin_width, floor(points.{{ feature.name }} / widths.bin_width) as bin_number, points.n_fitted
    from {{ ref('int_points') }} as points
    inner join widths on widths.feature = '{{ feature.name }}'
    where points.{{ feature.name }} is not null and points.n_fitted > 0
    {{ 'union all' if not loop.last }}
    {%- else %}
    select * from {{ ref('int_points') }} cross join widths
    {%- endfor %}

),

assigned as (

    select * from {{ ref('int_points_assigned') }}

)

select
    point_bins.segmentation,
    assigned.segment_id,
    point_bins.feature,
    other_bins.feature as other_feature,
    point_bins.bin_number * point_bins.bin_width as bin_from,
    (point_bins.bin_number + 1) * point_bins.bin_width as bin_to,
    other_bins.bin_number * other_bins.bin_width as other_bin_from,
    (other_bins.bin_number + 1) * other_bins.bin_width as other_bin_to,

    cast(sum(point_bins.n_fitted) as bigint) as n_customers

from point_bins

inner join point_bins as other_bins
    on
        point_bins.segmentation = other_bins.segmentation
        and point_bins.point_id = other_bins.point_id
        and point_bins.feature < other_bins.feature

inner join assigned
    on
        point_bins.segmentation = assigned.segmentation
        and point_bins.point_id = assigned.point_id

group by
    point_bins.segmentation,
    assigned.segment_id,
    point_bins.feature,
    other_bins.feature,
    point_bins.bin_number,
    point_bins.bin_width,
    other_bins.bin_number,
    other_bins.bin_width

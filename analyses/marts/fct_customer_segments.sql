{#-
A view on DuckDB: distances and memberships hardly compress, and cost only who asks.
The main reason is the feature with the largest part of d²(second) - d²(nearest).
-#}
{%- set told = [
    'customer_id', 'segment_id', 'segment_name', 'persona', 'distance',
    'second_segment_id', 'second_distance', 'membership', 'is_outlier', 'is_imputed',
] -%}
with

segments as (

    select * from {{ ref('segments') }}

),

{% for layout in segmentations() -%}
{{ layout.name }}_parameters as (

    select * from {{ ref('int_parameters') }}

    where segmentation = '{{ layout.name }}'

),

{{ layout.name }}_separated as (

    select
        assigned.*,
        nearest.segment_name,
        nearest.persona
        {%- for feature in layout.features %}, {% for number in range(feature.first, feature.first + feature.n_coordinates) -%}
        {{ '+ ' if not loop.first }}coalesce((assigned.coordinate_{{ number }} - second.coordinate_{{ number }}) * (assigned.coordinate_{{ number }} - second.coordinate_{{ number }}) - (assigned.coordinate_{{ number }} - nearest.coordinate_{{ number }}) * (assigned.coordinate_{{ number }} - nearest.coordinate_{{ number }}), 0) {% endfor -%} as separation_{{ loop.index }}
        {%- endfor %}
    from ({{ assignment(layout, ref('int_customers_assigned'), layout.name ~ '_parameters') }}) as assigned
    inner join segments as nearest
        on assigned.segment_id = nearest.segment_id
    inner join segments as second
        on assigned.second_segment_id = second.segment_id
    where nearest.segmentation = '{{ layout.name }}' and second.segmentation = '{{ layout.name }}'

),

{% endfor -%}

customers as (
    {%- for layout in segmentations() %}
    select
        '{{ layout.name }}' as segmentation,
        {{ told | join(', ') }},
        case {% for feature in layout.features %}when separation_{{ loop.index }} = greatest(-1e300, {% for other in layout.features %}separation_{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %}) then '{{ feature.name }}' {% endfor %}end as main_reason
    from {{ layout.name }}_separated
    {{ 'union all' if not loop.last }}
    {%- else %}
    select * from {{ ref('int_customers_assigned') }} cross join {{ ref('int_parameters') }}
    {%- endfor %}

)

select
    segmentation,
    customer_id,
    cast(segment_id as bigint) as segment_id,
    segment_name,
    persona,
    distance,
    cast(second_segment_id as bigint) as second_segment_id,
    second_distance,
    membership,
    is_outlier,
    is_imputed,
    main_reason,
    {{ hash_bucket('customer_id', 100) }} as holdout_bucket

from customers

with

combinations as (

    select * from {{ ref('int_combinations_imputed') }}

),

scalers as (

    select * from {{ ref('int_scalers') }}

),

points as (
{% for segmentation in var('segmentations') %}
    select
        '{{ segmentation.name }}' as segmentation,
        {%- for feature in var('features') %}
        {%- if feature.name in segmentation.features %}
        combinations.{{ feature.name }},
        {%- else %}
        cast(null as double) as {{ feature.name }},
        {%- endif %}
        {%- endfor %}

        cast(sum(combinations.n_customers) as bigint) as n_customers

    from combinations

    group by
        {%- for feature in segmentation.features %}
        combinations.{{ feature }}{{ ',' if not loop.last }}
        {%- endfor %}
    {% if not loop.last %}
    union all
    {% endif %}
{%- endfor %}
)

select
    points.segmentation,
    cast(row_number() over (
        partition by points.segmentation
        order by
            {%- for feature in var('features') %}
            points.{{ feature.name }}{{ ',' if not loop.last }}
            {%- endfor %}
    ) as bigint) as point_id,

    {% for feature in var('features') -%}
    points.{{ feature.name }},
    {% endfor %}
    {% for feature in var('features') -%}
    (points.{{ feature.name }} - scalers.{{ feature.name }}_center)
    / scalers.{{ feature.name }}_scale as {{ feature.name }}_scaled,
    {% endfor %}

    points.n_customers

from points

inner join scalers
    on points.segmentation = scalers.segmentation

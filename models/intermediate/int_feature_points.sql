with

customers as (

    select * from {{ ref('int_customers_grouped') }}

),

statistics as (

    select * from {{ ref('int_feature_statistics') }}

),

medians as (

    select
        {%- for feature in var('features') %}
        max(case when feature = '{{ feature.name }}' then median end)
            as {{ feature.name }}{{ ',' if not loop.last }}
        {%- endfor %}

    from statistics

),

-- An imputed customer stands on a point like any other, but is not fitted.
points as (
{% for segmentation in var('segmentations') %}
    select
        '{{ segmentation.name }}' as segmentation,
        {%- for feature in var('features') %}
        {%- if feature.name in segmentation.features %}
        coalesce(customers.{{ feature.name }}, medians.{{ feature.name }})
        {%- else %}
        cast(null as double)
        {%- endif %} as {{ feature.name }},
        {%- endfor %}

        cast(sum(customers.n_customers) as bigint) as n_customers,
        cast(sum(
            case
                when
                    {%- for feature in segmentation.features %}
                    customers.{{ feature }} is not null
                    {{- ' and' if not loop.last }}
                    {%- endfor %}
                    then customers.n_customers
                else 0
            end
        ) as bigint) as n_fitted

    from customers

    cross join medians

    group by
        {%- for feature in segmentation.features %}
        coalesce(customers.{{ feature }}, medians.{{ feature }})
        {{- ',' if not loop.last }}
        {%- endfor %}
    {% if not loop.last %}
    union all
    {% endif %}
{%- endfor %}
),

scalers as (

    select * from {{ ref('int_scalers') }}

),

scaled as (

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

        points.n_customers,
        points.n_fitted

    from points

    inner join scalers
        on points.segmentation = scalers.segmentation

)

select * from scaled

{#-
One row per segmentation and point. Few different values of a feature stay apart; many
are grouped in equal steps of the scaled coordinate, and a point lies at their mean.
-#}
with

{% for layout in segmentations() -%}
{{ layout.name }}_parameters as (

    select * from {{ ref('int_coordinates') }}

    where segmentation = '{{ layout.name }}'

),

{{ layout.name }}_points as (

    select
        '{{ layout.name }}' as segmentation,
        {%- for number in range(1, most_coordinates() + 1) %}
        {% if number > layout.n_coordinates %}cast(null as double){% else %}round({{ mean_of('customers.coordinate_' ~ number) }}, 12){% endif %} as coordinate_{{ number }},
        {%- endfor %}
        {%- set own = layout.features | map(attribute='name') | list %}
        {%- for feature in all_features() %}
        {% if feature.name not in own %}cast(null as {{ dbt.type_string() if feature.type == 'category' else 'double' }}){% elif feature.type == 'category' %}customers.{{ feature.name }}{% else %}{{ mean_of('coalesce(customers.' ~ feature.name ~ ', parameters.' ~ feature.name ~ '_imputed)') }}{% endif %} as {{ feature.name }},
        {%- endfor %}
        count(*) as n_customers,
        sum(case when 1 = 0 {%- for feature in layout.features if feature.type == 'number' %} or customers.{{ feature.name }} is null {%- endfor %} then 0 else 1 end) as n_fitted
    from ({{ coordinates(layout, ref('int_customers_accepted'), layout.name ~ '_parameters', 'double') }}) as customers
    cross join {{ layout.name }}_parameters as parameters
    group by {% for feature in layout.features -%}
        {%- set number = feature.first -%}
        {%- if feature.type == 'category' -%}
        customers.{{ feature.name }}
        {%- else -%}
        case when parameters.c{{ number }}_step = 0 then customers.coordinate_{{ number }} else round(customers.coordinate_{{ number }} / parameters.c{{ number }}_step) end
        {%- endif -%}
        {{ ', ' if not loop.last }}
        {%- endfor %}

),

{% endfor -%}

points as (
    {%- for layout in segmentations() %}
    select * from {{ layout.name }}_points
    {{ 'union all' if not loop.last }}
    {%- else %}

    select * from {{ ref('int_coordinates') }} cross join {{ ref('int_customers_accepted') }}
    {%- endfor %}

)

select
    segmentation,
    cast(row_number() over (
        partition by segmentation
        order by {% for number in range(1, most_coordinates() + 1) %}coordinate_{{ number }}{{ ', ' if not loop.last }}{% endfor %}
    ) as bigint) as point_id,

    {% for number in range(1, most_coordinates() + 1) -%}
    coordinate_{{ number }},
    {% endfor %}
    {%- for feature in all_features() %}
    {{ feature.name }},
    {%- endfor %}

    cast(n_customers as bigint) as n_customers,
    cast(n_fitted as bigint) as n_fitted

from points

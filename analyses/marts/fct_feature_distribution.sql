{%- set categories = demographics() | map(attribute='name') | list -%}
{%- set shown = category_features() | selectattr('name', 'in', categories) | list -%}
with

widths as (

    {{ bin_widths() }}

),

binned as (
    {%- for feature in number_features() %}
    select widths.feature, {% for category in shown %}customers.{{ category.name }}, {% endfor %}widths.bin_width, floor(customers.{{ feature.name }} / widths.bin_width) as bin_number
    from {{ ref('int_customers_accepted') }} as customers
    inner join widths on widths.feature = '{{ feature.name }}'
    where customers.{{ feature.name }} is not null
    {{ 'union all' if not loop.last }}
    {%- else %}
    select * from {{ ref('int_customers_accepted') }} cross join widths
    {%- endfor %}

),

counted as (

    select
        feature,
        {%- for category in shown %}
        {{ category.name }},
        {%- endfor %}
        bin_number * bin_width as bin_from,
        (bin_number + 1) * bin_width as bin_to,

        cast(count(*) as bigint) as n_customers

    from binned

    group by
        feature,
        {%- for category in shown %}
        {{ category.name }},
        {%- endfor %}
        bin_number,
        bin_width

)

select
    feature,
    {%- for category in shown %}
    {{ category.name }},
    {%- endfor %}
    bin_from,
    bin_to,
    n_customers,
    cast(n_customers as double) / cast(
        sum(n_customers) over (partition by feature) as double
    ) as customer_share

from counted

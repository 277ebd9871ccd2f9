with

customers as (

    select * from {{ ref('int_customers_grouped') }}

),

feature_summary as (

    select * from {{ ref('fct_feature_summary') }}

),

feature_values as (
{% for feature in var('features') %}
    select
        '{{ feature.name }}' as feature,
        gender,
        {{ feature.name }} as value,

        n_customers

    from customers

    where {{ feature.name }} is not null
    {% if not loop.last %}
    union all
    {% endif %}
{%- endfor %}
),

widths as (
    {{ bin_widths('feature_summary') }}
),

binned as (

    select
        feature_values.feature,
        feature_values.gender,
        widths.bin_width,
        floor(feature_values.value / widths.bin_width) as bin_number,

        feature_values.n_customers

    from feature_values

    inner join widths
        on feature_values.feature = widths.feature

),

counted as (

    select
        feature,
        gender,
        bin_number * bin_width as bin_from,
        (bin_number + 1) * bin_width as bin_to,

        cast(sum(n_customers) as bigint) as n_customers

    from binned

    group by
        feature,
        gender,
        bin_number,
        bin_width

)

select
    feature,
    gender,
    bin_from,
    bin_to,
    n_customers,
    cast(n_customers as double) / cast(
        sum(n_customers) over (partition by feature) as double
    ) as customer_share

from counted

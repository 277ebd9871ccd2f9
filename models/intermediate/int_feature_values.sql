with

customers as (

    select * from {{ ref('int_customers_grouped') }}

),

feature_values as (
{% for feature in var('features') %}
    select
        '{{ feature.name }}' as feature,
        {{ feature.name }} as value,

        cast(sum(n_customers) as bigint) as n_customers

    from customers

    group by {{ feature.name }}
    {% if not loop.last %}
    union all
    {% endif %}
{%- endfor %}
),

accumulated as (

    select
        feature,
        value,

        n_customers,
        cast(sum(n_customers) over (
            partition by feature order by value
            rows between unbounded preceding and current row
        ) as bigint) as n_cumulative,
        cast(
            sum(n_customers) over (partition by feature) as bigint
        ) as n_total

    from feature_values

    where value is not null

)

select * from accumulated

{#- Values close together share a row, see the macro `nearby`; `value` is their mean. -#}
with

least as (

    select
        {%- for feature in number_features() %}
        min({{ feature.name }}) as {{ feature.name }},
        {%- endfor %}
        count(*) as n_customers

    from {{ ref('int_customers_accepted') }}

),

feature_values as (
    {%- for feature in number_features() %}
    {%- set value = 'customers.' ~ feature.name %}
    select '{{ feature.name }}' as feature, {{ mean_of(value) }} as value, cast(null as {{ dbt.type_string() }}) as level, count(*) as n_customers
    from {{ ref('int_customers_accepted') }} as customers cross join least
    where {{ value }} is not null
    group by {{ nearby(value, 'least.' ~ feature.name) }}
    union all
    {%- endfor %}
    {%- for feature in category_features() %}
    select '{{ feature.name }}' as feature, cast(null as double) as value, {{ feature.name }} as level, count(*) as n_customers
    from {{ ref('int_customers_accepted') }}
    group by {{ feature.name }}
    union all
    {%- endfor %}
    select cast(null as {{ dbt.type_string() }}) as feature, cast(null as double) as value, cast(null as {{ dbt.type_string() }}) as level, 0 as n_customers
    from least
    where 1 = 0

),

accumulated as (

    select
        feature,
        value,
        level,

        cast(n_customers as bigint) as n_customers,
        cast(sum(n_customers) over (
            partition by feature order by value, level
            rows between unbounded preceding and current row
        ) as bigint) as n_cumulative,
        cast(
            sum(n_customers) over (partition by feature) as bigint
        ) as n_total

    from feature_values

)

select * from accumulated

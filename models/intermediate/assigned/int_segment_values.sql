{#-
The one long table that profiles, categories, differences and drift are made of: how many
customers of a segment have which value, imputed ones included.
-#}
with

parameters as (

    select * from {{ ref('int_parameters') }}

),

segment_values as (
    {%- for feature in number_features() %}
    {%- set value = 'coalesce(customers.' ~ feature.name ~ ', parameters.' ~ feature.name ~ '_imputed)' %}
    select customers.segmentation, customers.segment_id, '{{ feature.name }}' as feature, {{ mean_of(value) }} as value, cast(null as {{ dbt.type_string() }}) as level, count(*) as n_customers
    from {{ ref('int_segment_customers') }} as customers
    inner join parameters on customers.segmentation = parameters.segmentation
    group by customers.segmentation, customers.segment_id, {{ nearby(value, 'parameters.' ~ feature.name ~ '_minimum') }}
    union all
    {%- endfor %}
    {%- for feature in category_features() %}
    select segmentation, segment_id, '{{ feature.name }}' as feature, cast(null as double) as value, {{ feature.name }} as level, count(*) as n_customers
    from {{ ref('int_segment_customers') }}
    group by segmentation, segment_id, {{ feature.name }}
    union all
    {%- endfor %}
    select
        segmentation,
        0 as segment_id,
        segmentation as feature,
        cast(null as double) as value,
        segmentation as level,
        0 as n_customers
    from parameters
    where 1 = 0

)

select
    segmentation,
    cast(segment_id as bigint) as segment_id,
    feature,
    value,
    level,

    cast(n_customers as bigint) as n_customers,
    cast(sum(n_customers) over (
        partition by segmentation, segment_id, feature order by value, level
        rows between unbounded preceding and current row
    ) as bigint) as n_cumulative,
    cast(sum(n_customers) over (
        partition by segmentation, segment_id, feature
    ) as bigint) as n_total

from segment_values

-- depends_on: {{ ref('int_segment_customers') }}

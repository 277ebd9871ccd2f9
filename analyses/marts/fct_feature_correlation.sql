{#-
Of more than 20,000 customers, a fixed sample by the hash of the id: a correlation of so
many is known to a hundredth, and pairs of features would multiply all rows.
-#}
with

counted as (

    select count(*) as n_customers from {{ ref('int_customers_accepted') }}

),

customers as (

    select customers.*

    from {{ ref('int_customers_accepted') }} as customers

    cross join counted

    where
        counted.n_customers <= 20000
        or {{ hash_bucket('customers.customer_id', 1000000) }}
        < 20000.0 / counted.n_customers * 1000000

),

feature_values as (
    {%- for feature in number_features() %}
    select customer_id, '{{ feature.name }}' as feature, {{ feature.name }} as value
    from customers where {{ feature.name }} is not null
    {{ 'union all' if not loop.last }}
    {%- else %}
    select * from customers
    {%- endfor %}

),

-- The rank of tied customers is the mean of the ranks they share.
ranked as (

    select
        feature_values.feature,
        others.feature as other_feature,
        feature_values.value,
        others.value as other_value,
        rank() over (
            partition by feature_values.feature, others.feature
            order by feature_values.value
        ) + (count(*) over (
            partition by
                feature_values.feature, others.feature, feature_values.value
        ) - 1) / 2.0 as value_rank,
        rank() over (
            partition by feature_values.feature, others.feature
            order by others.value
        ) + (count(*) over (
            partition by feature_values.feature, others.feature, others.value
        ) - 1) / 2.0 as other_rank

    from feature_values

    inner join feature_values as others
        on
            feature_values.customer_id = others.customer_id
            and feature_values.feature <= others.feature

),

correlations as (

    select
        feature,
        other_feature,
        cast(count(*) as bigint) as n_customers,
        case
            when min(value) < max(value) and min(other_value) < max(other_value)
                then corr(value, other_value)
        end as pearson,
        case
            when min(value) < max(value) and min(other_value) < max(other_value)
                then corr(value_rank, other_rank)
        end as spearman

    from ranked

    group by
        feature,
        other_feature

)

select
    feature,
    other_feature,
    n_customers,
    pearson,
    spearman

from correlations

union all

select
    other_feature as feature,
    feature as other_feature,
    n_customers,
    pearson,
    spearman

from correlations

where feature < other_feature

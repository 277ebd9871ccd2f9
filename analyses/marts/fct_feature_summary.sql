with

feature_values as (

    select * from {{ ref('int_feature_values') }}

    where value is not null

),

accepted as (

    select count(*) as n_accepted

    from {{ ref('int_customers_accepted') }}

),

means as (

    select
        feature,

        sum(n_customers * value) / max(n_total) as mean

    from feature_values

    group by feature

),

described as (

    select
        feature_values.feature,

        max(feature_values.n_total) as n_customers,
        count(*) as n_distinct,
        max(means.mean) as mean,
        sqrt(
            sum(
                feature_values.n_customers
                * (feature_values.value - means.mean)
                * (feature_values.value - means.mean)
            ) / max(feature_values.n_total)
        ) as std,
        min(feature_values.value) as minimum,
        {{ weighted_quantile('0.25') }} as p25,
        {{ weighted_quantile('0.5') }} as median,
        {{ weighted_quantile('0.75') }} as p75,
        max(feature_values.value) as maximum

    from feature_values

    inner join means
        on feature_values.feature = means.feature

    group by feature_values.feature

),

fences as (

    select
        *,

        p25 - 1.5 * (p75 - p25) as lower_fence,
        p75 + 1.5 * (p75 - p25) as upper_fence

    from described

),

shapes as (

    select
        fences.feature,

        sum(
            feature_values.n_customers * power(
                (feature_values.value - fences.mean)
                / nullif(fences.std, 0),
                3
            )
        ) / max(fences.n_customers) as skewness,
        cast(sum(
            case
                when
                    feature_values.value < fences.lower_fence
                    or feature_values.value > fences.upper_fence
                    then feature_values.n_customers
                else 0
            end
        ) as bigint) as n_outliers,
        min(
            case
                when feature_values.value = round(feature_values.value) then 1
                else 0
            end
        ) = 1 as is_whole

    from feature_values

    inner join fences
        on feature_values.feature = fences.feature

    group by fences.feature

)

select
    fences.feature,
    fences.n_customers,
    accepted.n_accepted - fences.n_customers as n_missing,
    fences.n_distinct,
    fences.mean,
    fences.std,
    fences.minimum,
    fences.p25,
    fences.median,
    fences.p75,
    fences.maximum,
    shapes.skewness,
    fences.lower_fence,
    fences.upper_fence,
    shapes.n_outliers,
    shapes.is_whole

from fences

inner join shapes
    on fences.feature = shapes.feature

cross join accepted

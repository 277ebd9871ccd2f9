with

feature_values as (

    select * from {{ ref('int_feature_values') }}

),

statistics as (

    select * from {{ ref('int_feature_statistics') }}

),

accepted as (

    select n as n_accepted

    from {{ ref('int_input_counts') }}

    where measure = 'accepted customers'

),

fences as (

    select
        *,

        first_quartile - 1.5 * (third_quartile - first_quartile) as lower_fence,
        third_quartile + 1.5 * (third_quartile - first_quartile) as upper_fence

    from statistics

),

shapes as (

    select
        fences.feature,

        {{ ordered_sum(
            'feature_values.n_customers * power('
            ~ '(feature_values.value - fences.mean)'
            ~ ' / nullif(fences.standard_deviation, 0), 3)'
        ) }} / max(fences.n_observed) as skewness,
        cast(sum(
            case
                when
                    feature_values.value < fences.lower_fence
                    or feature_values.value > fences.upper_fence
                    then feature_values.n_customers
                else 0
            end
        ) as bigint) as n_outliers

    from feature_values

    inner join fences
        on feature_values.feature = fences.feature

    group by fences.feature

)

select
    fences.feature,
    fences.n_observed as n_customers,
    accepted.n_accepted - fences.n_observed as n_missing,
    fences.n_distinct,
    fences.mean,
    fences.standard_deviation as std,
    fences.minimum,
    fences.first_quartile as p25,
    fences.median,
    fences.third_quartile as p75,
    fences.maximum,
    shapes.skewness,
    fences.lower_fence,
    fences.upper_fence,
    shapes.n_outliers

from fences

inner join shapes
    on fences.feature = shapes.feature

cross join accepted

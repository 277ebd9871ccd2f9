{#-
Moments come from integer sums, so that no order of rows or threads changes a digit:
values are counted in steps of their resolution, and squares are taken around the step
nearest to the mean.
-#}
with

feature_values as (

    select * from {{ ref('int_feature_values') }}

),

resolutions as (
{% for feature in var('features') %}
    select
        '{{ feature.name }}' as feature,
        cast({{ feature.resolution }} as double) as resolution
    {% if not loop.last %}
    union all
    {% endif %}
{%- endfor %}
),

steps as (

    select
        feature_values.feature,
        feature_values.value,
        resolutions.resolution,

        cast(feature_values.n_customers as decimal(12, 0)) as n_customers,
        feature_values.n_cumulative,
        feature_values.n_total,
        cast(
            round(feature_values.value / resolutions.resolution)
            as decimal(12, 0)
        ) as step

    from feature_values

    inner join resolutions
        on feature_values.feature = resolutions.feature

),

middles as (

    select
        feature,

        cast(
            round(
                cast(sum(n_customers * step) as double)
                / max(n_total)
            ) as decimal(12, 0)
        ) as middle_step

    from steps

    group by feature

),

moments as (

    select
        steps.feature,

        max(steps.resolution) as resolution,
        max(steps.n_total) as n_observed,
        min(steps.value) as minimum,
        max(steps.value) as maximum,
        count(*) as n_distinct,
        cast(sum(steps.n_customers * steps.step) as double)
            as sum_of_steps,
        cast(
            sum(
                steps.n_customers
                * cast(steps.step - middles.middle_step as decimal(12, 0))
            ) as double
        ) as sum_of_deviations,
        cast(
            sum(
                steps.n_customers
                * (
                    cast(steps.step - middles.middle_step as decimal(12, 0))
                    * cast(steps.step - middles.middle_step as decimal(12, 0))
                )
            ) as double
        ) as sum_of_squared_deviations

    from steps

    inner join middles
        on steps.feature = middles.feature

    group by steps.feature

),

quantiles as (

    select
        feature,

        {{ weighted_quantile('0.25') }} as first_quartile,
        {{ weighted_quantile('0.5') }} as median,
        {{ weighted_quantile('0.75') }} as third_quartile

    from feature_values

    group by feature

),

described as (

    select
        moments.feature,

        moments.n_observed,
        moments.n_distinct,

        moments.sum_of_steps / moments.n_observed * moments.resolution as mean,
        sqrt(
            (
                moments.sum_of_squared_deviations
                - moments.sum_of_deviations * moments.sum_of_deviations
                / moments.n_observed
            ) / moments.n_observed
        ) * moments.resolution as standard_deviation,
        moments.minimum,
        quantiles.first_quartile,
        quantiles.median,
        quantiles.third_quartile,
        moments.maximum

    from moments

    inner join quantiles
        on moments.feature = quantiles.feature

)

select * from described

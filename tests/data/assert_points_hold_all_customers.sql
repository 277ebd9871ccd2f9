-- Customers with a feature imputed stand on points without weight in the fit.
with

points as (

    select
        segmentation,

        sum(n_customers) as n_customers,
        sum(n_fitted) as n_fitted

    from {{ ref('int_feature_points') }}

    group by segmentation

),

customers as (

    select
        segmentation,

        sum(n_customers) as n_customers,
        sum(case when is_imputed then n_customers else 0 end) as n_imputed

    from {{ ref('int_customers_counted_by_segment') }}

    group by segmentation

),

complete as (

    select
        subject as segmentation,
        n as n_complete

    from {{ ref('fct_input_counts') }}

    where measure = 'complete customers'

)

select
    points.segmentation,
    points.n_customers,
    points.n_fitted,
    customers.n_imputed,
    complete.n_complete

from points

left join customers
    on points.segmentation = customers.segmentation

left join complete
    on points.segmentation = complete.segmentation

where
    customers.n_customers is null
    or complete.n_complete is null
    or points.n_customers <> customers.n_customers
    or points.n_fitted <> complete.n_complete
    or points.n_fitted + customers.n_imputed <> points.n_customers

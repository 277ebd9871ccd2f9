with

components as (

    select
        segmentation,
        component,

        max(explained_variance_ratio) as explained_variance_ratio,
        sum(loading * loading) as sum_of_squared_loadings

    from {{ ref('fct_principal_components') }}

    group by
        segmentation,
        component

),

segmentations as (

    select
        segmentation,

        sum(explained_variance_ratio) as explained_variance_ratio,
        max(abs(sum_of_squared_loadings - 1)) as largest_difference

    from components

    group by segmentation

)

select *

from segmentations

where
    abs(explained_variance_ratio - 1) > 1e-9
    or largest_difference > 1e-9

select
    segmentation,
    component,
    feature,
    loading,
    explained_variance,
    explained_variance_ratio,
    cumulative_variance_ratio

from {{ ref('int_principal_components') }}

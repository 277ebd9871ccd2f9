select
    coalesce(published.segmentation, found.segmentation) as segmentation,
    coalesce(published.segment_id, found.segment_id) as segment_id,
    coalesce(published.feature, found.feature) as feature,
    coalesce(published.value, found.value) as value,
    coalesce(published.n_customers, 0) as n_customers,
    coalesce(found.n_customers, 0) as n_customers_found

from audited.main.fct_segment_feature_values as published

full join memory.main.segment_values as found
    on
        published.segmentation = found.segmentation
        and published.segment_id = found.segment_id
        and published.feature = found.feature
        and published.value = found.value

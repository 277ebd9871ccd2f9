select
    segmentation,
    segment_id,
    rule_id,
    rule_sql,
    rule_text,
    precision,
    coverage,
    n_customers,
    n_in_segment,
    fidelity

from {{ ref('int_segment_rules') }}

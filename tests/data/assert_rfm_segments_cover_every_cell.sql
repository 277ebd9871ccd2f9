{{ config(enabled=has_orders()) }}
-- Each of the 125 combinations of scores is in exactly one segment: a row of a
-- gap has no segment, an overlap has a row for each.
select
    r_score,
    f_score,
    m_score,

    count(rfm_segment) as n_segments,
    min(rfm_segment) as one_segment,
    max(rfm_segment) as another_segment

from {{ ref('int_rfm_cells') }}

group by
    r_score,
    f_score,
    m_score

having count(rfm_segment) <> 1

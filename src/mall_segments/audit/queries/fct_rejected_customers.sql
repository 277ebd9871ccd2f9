select
    count(*) as n_rows,
    count(distinct source_row) as n_distinct_source_rows,
    count(*) filter (
        where source_row not between 1 and {{ input_rows }}
    ) as n_impossible_source_rows,
    min(source_row) filter (
        where source_row not between 1 and {{ input_rows }}
    ) as n_impossible_source_rows_example

from audited.main.fct_rejected_customers

select
    measure,
    subject,
    n

from {{ ref('int_input_counts') }}

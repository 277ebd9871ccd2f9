with

counts as (

    select * from {{ ref('fct_input_counts') }}

)

select
    measure,
    subject,
    n

from counts

order by
    measure,
    subject

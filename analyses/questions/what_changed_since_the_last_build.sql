with

migrations as (

    select * from {{ ref('fct_segment_migrations') }}

)

select
    segmentation,
    movement,
    from_segment_name,
    to_segment_name,
    n_customers

from migrations

order by
    segmentation asc,
    case movement
        when 'moved' then 1
        when 'joined' then 2
        when 'left' then 3
        when 'renamed' then 4
        else 5
    end asc,
    n_customers desc,
    from_segment_id asc,
    to_segment_id asc

with

customer_segments as (

    select * from {{ ref('fct_customer_segments') }}

),

counted as (

    select
        segmentation,
        segment_id,
        persona,
        main_reason,

        count(*) as n_customers

    from customer_segments

    group by
        segmentation,
        segment_id,
        persona,
        main_reason

)

select
    segmentation,
    persona,
    main_reason,
    n_customers,
    round(
        100 * cast(n_customers as double)
        / sum(n_customers) over (partition by segmentation, segment_id),
        1
    ) as percent_of_segment

from counted

order by
    segmentation asc,
    segment_id asc,
    n_customers desc,
    main_reason asc

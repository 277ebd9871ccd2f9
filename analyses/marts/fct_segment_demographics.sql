with

counted as (

    select
        customers.segmentation,
        cast(customers.segment_id as bigint) as segment_id,
        {%- for demographic in demographics() %}
        {{ demographic.sql }} as {{ demographic.name }},
        {%- endfor %}

        cast(count(*) as bigint) as n_customers

    from {{ ref('int_segment_customers') }} as customers

    group by
        customers.segmentation,
        customers.segment_id
        {%- for demographic in demographics() %},
        {{ demographic.sql }}
        {%- endfor %}

)

select
    segmentation,
    segment_id,
    {%- for demographic in demographics() %}
    {{ demographic.name }},
    {%- endfor %}
    n_customers,
    cast(n_customers as double) / cast(
        sum(n_customers) over (partition by segmentation, segment_id) as double
    ) as share_of_segment

from counted

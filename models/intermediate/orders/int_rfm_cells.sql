{{ config(enabled=has_orders(), materialized='table') }}

with

rules as (

    select * from {{ ref('rfm_segments') }}

),

scores as (

    {%- for score in range(1, 6) %}
    select {{ score }} as score
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select
    recency.score as r_score,
    frequency.score as f_score,
    money.score as m_score,

    rules.rfm_segment

from scores as recency

cross join scores as frequency

cross join scores as money

left join rules
    on
        recency.score between
        cast(rules.r_from as integer) and cast(rules.r_to as integer)
        and frequency.score between
        cast(rules.f_from as integer) and cast(rules.f_to as integer)
        and money.score between
        cast(rules.m_from as integer) and cast(rules.m_to as integer)

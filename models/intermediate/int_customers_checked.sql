{%- set must_be_present = var('missing_values') == 'reject' -%}

with

customers as (

    select * from {{ ref('stg_mall__customers') }}

),

duplicates as (

    select * from {{ ref('int_duplicate_customer_ids') }}

),

compared as (

    select
        customers.*,

        coalesce(duplicates.is_conflicting, false) as is_conflicting,
        coalesce(
            not duplicates.is_conflicting
            and customers.source_row > duplicates.first_source_row,
            false
        ) as is_repeated

    from customers

    left join duplicates
        on customers.customer_id = duplicates.customer_id

),

checked as (

    select
        *,

        nullif(concat_ws(
            '; ',
            case when is_conflict_marker then 'merge-conflict marker' end,
            case
                when has_surplus_cells then 'more cells than the header has'
            end,
            case when is_repeated_header then 'header row repeated' end,
            case when customer_id is null then 'customer_id: missing' end,
            case when is_repeated then 'duplicate row' end,
            case
                when is_conflicting
                    then 'customer_id: rows with the same id differ'
            end
            {%- for feature in var('features') -%}
            {%- set name = feature.name -%}
            ,
            {%- if must_be_present %}
            case
                when {{ name }}_text is null then '{{ name }}: missing'
            end,
            {%- endif %}
            case
                when {{ name }} is null and {{ name }}_text is not null
                    then '{{ name }}: not a number'
                when {{ name }} = 'nan' or abs({{ name }}) = 'infinity'
                    then '{{ name }}: not finite'
                when {{ name }} < {{ feature.minimum }}
                    then '{{ name }}: below {{ feature.minimum }}'
                when {{ name }} > {{ feature.maximum }}
                    then '{{ name }}: above {{ feature.maximum }}'
                {%- if feature.is_whole %}
                when {{ name }} <> round({{ name }})
                    then '{{ name }}: not a whole number'
                {%- endif %}
            end
            {%- endfor %}
        ), '') as rejection_reasons

    from compared

)

select
    *,

    rejection_reasons is null as is_accepted

from checked

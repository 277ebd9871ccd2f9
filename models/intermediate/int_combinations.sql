with

customers as (

    select * from {{ ref('int_customers_checked') }}

    where is_accepted

),

combinations as (

    select
        gender,
        {%- for feature in var('features') %}
        {{ feature.name }},
        {%- endfor %}

        cast(count(*) as bigint) as n_customers

    from customers

    group by
        gender,
        {%- for feature in var('features') %}
        {{ feature.name }}{{ ',' if not loop.last }}
        {%- endfor %}

)

select
    cast(row_number() over (
        order by
            gender,
            {%- for feature in var('features') %}
            {{ feature.name }} nulls last{{ ',' if not loop.last }}
            {%- endfor %}
    ) as int) as combination_id,

    gender,
    {%- for feature in var('features') %}
    {{ feature.name }},
    {%- endfor %}

    n_customers

from combinations

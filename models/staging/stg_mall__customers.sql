{%- set columns = recognised_columns(ref('base_mall__customers')) -%}
{%- set has_surplus_cells = execute and 'surplus_cells' in (
    adapter.get_columns_in_relation(ref('base_mall__customers'))
    | map(attribute='name')
) -%}

with

customers as (

    select * from {{ ref('base_mall__customers') }}

),

texts as (

    select
        source_row,

        {{ trimmed_text(columns.customer_id) }} as customer_id,
        {{ quoted_column(columns.customer_id) }} as customer_id_raw,
        {{ trimmed_text(columns.gender) if columns.gender else 'null' }}
            as gender_text,
        {%- for feature in var('features') %}
        {{ trimmed_text(columns[feature.name]) }} as {{ feature.name }}_text,
        {{ quoted_column(columns[feature.name]) }} as {{ feature.name }}_raw,
        {%- endfor %}

        {{ 'surplus_cells is not null' if has_surplus_cells else 'false' }}
            as has_surplus_cells

    from customers

),

typed as (

    select
        source_row,
        customer_id,
        {%- if columns.customer_id.is_whole %}
        cast(customer_id_raw as bigint) as customer_number,
        {%- else %}
        try_cast(customer_id as bigint) as customer_number,
        {%- endif %}

        case
            {%- for gender in ['female', 'male'] %}
            when lower(gender_text) in (
                {%- for spelling in var('gender')[gender] %}
                {{ dbt.string_literal(
                    dbt.escape_single_quotes(spelling | lower)
                ) }}
                {{- ',' if not loop.last }}
                {%- endfor %}
            )
                then '{{ gender }}'
            {%- endfor %}
            else 'unknown'
        end as gender,
        {%- for feature in var('features') %}
        {{ number_from(columns[feature.name], feature.name) }}
            as {{ feature.name }},
        {%- endfor %}

        gender_text,
        {%- for feature in var('features') %}
        {{ feature.name }}_text,
        {%- endfor %}
        {%- for feature in var('features') %}
        {%- if columns[feature.name].is_whole %}
        {{ feature.name }}_raw is null as is_{{ feature.name }}_missing,
        {%- else %}
        {{ feature.name }}_text is null as is_{{ feature.name }}_missing,
        {%- endif %}
        {%- endfor %}
        {% if columns.customer_id.is_whole %}
        false as is_repeated_header,
        false as is_conflict_marker,
        {%- else %}
        coalesce(lower(customer_id) = lower(
            {{ dbt.string_literal(
                dbt.escape_single_quotes(columns.customer_id.name)
            ) }}
        ), false) as is_repeated_header,
        coalesce(
            customer_id like '<<<<<<<%'
            or customer_id like '=======%'
            or customer_id like '>>>>>>>%',
            false
        ) as is_conflict_marker,
        {%- endif %}
        has_surplus_cells

    from texts

)

select * from typed

{% from "rules.jinja" import broken %}
{#- The exported customers, reduced to counts of what disagrees with the tables. -#}
{% macro as_number(cell) -%}
try_cast(
        case
            when regexp_matches(
                trim({{ cell }}), '^-?[0-9]{1,3}(,[0-9]{3})+([.][0-9]+)?$'
            )
                then replace({{ cell }}, ',', '')
            else trim({{ cell }})
        end as double
    )
{%- endmacro %}
{% macro is_formula(cell) -%}
{{ cell | neutralised }} <> {{ cell }}
{%- endmacro %}
with

cells as (

    select * from read_csv(
        {{ path | quoted }},
        header = true,
        delim = ',',
        quote = '"',
        escape = '"',
        auto_detect = false,
        max_line_size = {{ longest_line }},
        columns = {
            {% for column in columns %}
            '{{ column }}': 'varchar'{{ "," if not loop.last }}
            {% endfor %}
        }
    )

),

named as (

    select
        *,
        trim({{ id_column }}) as written_id,
        -- An apostrophe before a formula was put there when the file was written.
        case
            when
                {{ id_column }} like '''%'
                and {{ is_formula("substr(" ~ id_column ~ ", 2)") }}
                then trim(substr({{ id_column }}, 2))
            else trim({{ id_column }})
        end as original_id

    from cells

),

matched as (

    select
        named.*,
        coalesce(customers.customer_id, others.customer_id) as customer_id,
        coalesce(facts.segment_id, other_facts.segment_id) as segment_id,
        coalesce(facts.segment_name, other_facts.segment_name) as segment_name,
        {% for feature in features %}
        case
            when not coalesce(
                customers.is_{{ feature }}_imputed, others.is_{{ feature }}_imputed
            )
                then coalesce(customers.{{ feature }}, others.{{ feature }})
        end as {{ feature }},
        {% endfor %}
        {% for column in columns %}
        {{ is_formula("coalesce(" ~ column ~ ", '')") }} {{ "or " if not loop.last }}
        {%- endfor %} as has_formula

    from named

    left join audited.main.dim_customers as customers
        on named.original_id = customers.customer_id

    left join audited.main.dim_customers as others
        on
            named.original_id <> named.written_id
            and named.written_id = others.customer_id

    left join audited.main.fct_customer_segments as facts
        on
            customers.customer_id = facts.customer_id
            and facts.segmentation = {{ segmentation | quoted }}

    left join audited.main.fct_customer_segments as other_facts
        on
            others.customer_id = other_facts.customer_id
            and other_facts.segmentation = {{ segmentation | quoted }}

)

select
    {{ added_columns | quoted }} as added_columns,
    count(*) as n_rows,
    cast({{ accepted }} as bigint) as n_accepted,
    count(distinct customer_id)
    + cast(count(*) filter (where customer_id is null) as bigint) as n_distinct_ids,
    {{ broken("n_strangers", "customer_id is null", example="written_id") }},
    {{ broken(
        "n_other_segments",
        "customer_id is not null and " ~ columns[-2]
        ~ " is distinct from cast(segment_id as varchar)"
    ) }},
    {{ broken(
        "n_other_names",
        "customer_id is not null and trim(" ~ columns[-1] ~ ", '''')"
        ~ " is distinct from trim(segment_name, '''')"
    ) }},
    {% for feature, column in feature_columns.items() %}
    {{ broken(
        "n_other_" ~ feature,
        "customer_id is not null and " ~ as_number(column)
        ~ " is distinct from " ~ feature
    ) }},
    {% endfor %}
    {{ broken("n_formulas", "has_formula", example="written_id") }}

from matched

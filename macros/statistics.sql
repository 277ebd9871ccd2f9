{% macro nearby(value, least) -%}
    {#-
    The value to five significant digits of its distance from the least one: whole
    numbers below 100,000 and all that few customers have stay apart, and millions of
    different amounts of money become some hundred thousand groups.
    -#}
    {%- set above = '(' ~ value ~ ' - ' ~ least ~ ')' -%}
    {%- set step = 'power(10, floor(log10' ~ above ~ ') - 4)' -%}
    case when {{ above }} < 100000 and {{ above }} = floor({{ above }}) then {{ above }} else round({{ above }} / {{ step }}) * {{ step }} end
{%- endmacro %}

{% macro mean_of(value) -%}
    {#- A mean that is exact where all values are the same. -#}
    case when min({{ value }}) = max({{ value }}) then min({{ value }}) else avg({{ value }}) end
{%- endmacro %}

{% macro weighted_quantile(probability) -%}
    {#-
    The quantile of customers from their counts per value, interpolated linearly
    between the two customers around it (as numpy and scikit-learn do).

    Input, one row per value: value, n_cumulative (customers up to and including this
    value, in the order of the values), n_total (customers in the group).
    Output, one row per group: the quantile, in the unit of the value.
    -#}
    {%- set position = '((n_total - 1) * ' ~ probability ~ ')' -%}
    {%- set lower -%}
        min(case when n_cumulative > floor({{ position }}) then value end)
    {%- endset -%}
    {%- set upper -%}
        min(case when n_cumulative > ceil({{ position }}) then value end)
    {%- endset -%}
    {{ lower }}
        + ({{ upper }} - {{ lower }})
        * max({{ position }} - floor({{ position }}))
{%- endmacro %}

{% macro hash_bucket(text, n_buckets) -%}
    {#- A bucket from 0 that a text has for ever, whatever the engine. -#}
    {{ return(adapter.dispatch('hash_bucket', 'mall_segments')(text, n_buckets)) }}
{%- endmacro %}

{% macro default__hash_bucket(text, n_buckets) -%}
    {#- As Spark and Databricks have it. -#}
    cast(conv(substring(md5({{ text }}), 1, 8), 16, 10) as bigint) % {{ n_buckets }}
{%- endmacro %}

{% macro duckdb__hash_bucket(text, n_buckets) -%}
    cast(('0x' || substring(md5({{ text }}), 1, 8)) as bigint) % {{ n_buckets }}
{%- endmacro %}

{% macro snowflake__hash_bucket(text, n_buckets) -%}
    mod(to_number(substr(md5({{ text }}), 1, 8), 'XXXXXXXX'), {{ n_buckets }})
{%- endmacro %}

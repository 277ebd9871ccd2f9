{% macro weighted_quantile(probability) -%}
    {#-
    The quantile of customers from their counts per distinct value, interpolated
    linearly between the two customers around it (as numpy and scikit-learn do).

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

{% macro on_grid(feature, expression) -%}
    {#- The value grouped to the feature's resolution; exact where values lie on it. -#}
    {%- if feature.resolution == 1 and feature.is_whole -%}
        {{ expression }}
    {%- elif feature.resolution == 1 -%}
        round({{ expression }})
    {%- else -%}
        round({{ expression }} / {{ feature.resolution }}) * {{ feature.resolution }}
    {%- endif -%}
{%- endmacro %}

{% macro imputed_on_grid(feature, combinations) -%}
    {#-
    The grid's value where `combinations` says that a feature was observed, the median
    as it is where it was imputed.
    -#}
    {%- set value = combinations ~ '.' ~ feature.name -%}
    {%- if feature.resolution == 1 and feature.is_whole -%}
        {{ value }}
    {%- else -%}
        case
            when {{ combinations }}.is_{{ feature.name }}_imputed then {{ value }}
            else {{ on_grid(feature, value) }}
        end
    {%- endif -%}
{%- endmacro %}

{% macro age_band(is_known, age_years) -%}
    case
        when not {{ is_known }} then 'unknown'
        when {{ age_years }} < 18 then 'under 18'
        when {{ age_years }} < 25 then '18-24'
        when {{ age_years }} < 35 then '25-34'
        when {{ age_years }} < 45 then '35-44'
        when {{ age_years }} < 55 then '45-54'
        when {{ age_years }} < 65 then '55-64'
        else '65 and over'
    end
{%- endmacro %}

{% macro ordered_sum(expression) -%}
    {#-
    A sum of doubles that no order of rows or threads changes: each is rounded to nine
    decimals, and decimals add up exactly. Expressions are in steps of a resolution or
    in standard deviations, where nine decimals are far below any difference that
    matters.
    -#}
    cast(sum(cast({{ expression }} as decimal(38, 9))) as double)
{%- endmacro %}

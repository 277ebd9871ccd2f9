{#-
About twenty bins at most, as wide as a whole number of the feature's steps and
beginning at multiples of their width.
-#}
{%- macro bin_widths(feature_summary) -%}
{%- for feature in var('features') %}
    select
        feature,

        cast({{ feature.resolution }} as double) * ceil(
            ((maximum - minimum) / {{ feature.resolution }} + 1) / 20
        ) as bin_width

    from {{ feature_summary }}

    where feature = '{{ feature.name }}'
    {% if not loop.last %}
    union all
    {% endif %}
{%- endfor %}
{%- endmacro -%}

{#- The bins of fct_feature_distribution, two features at a time. -#}
{%- set feature_pairs = [] -%}
{%- for feature in var('features') -%}
    {%- for other_feature in var('features')[loop.index:] -%}
        {%- do feature_pairs.append((feature, other_feature)) -%}
    {%- endfor -%}
{%- endfor -%}
with

customers as (

    select * from {{ ref('int_customers_grouped_by_segment') }}

),

feature_summary as (

    select * from {{ ref('fct_feature_summary') }}

),

widths as (
    {{ bin_widths('feature_summary') }}
),

pairs as (
{% for feature, other_feature in feature_pairs %}
    select
        segmentation,
        segment_id,
        gender,
        '{{ feature.name }}' as feature,
        '{{ other_feature.name }}' as other_feature,
        {{ feature.name }} as value,
        {{ other_feature.name }} as other_value,

        n_customers

    from customers

    where
        not is_{{ feature.name }}_imputed
        and not is_{{ other_feature.name }}_imputed
    {% if not loop.last %}
    union all
    {% endif %}
{%- else %}
    -- One feature makes no pair.
    select
        segmentation,
        segment_id,
        gender,
        segmentation as feature,
        segmentation as other_feature,
        cast(segment_id as double) as value,
        cast(segment_id as double) as other_value,

        n_customers

    from customers

    where 1 = 0
{% endfor %}
),

binned as (

    select
        pairs.segmentation,
        pairs.segment_id,
        pairs.gender,
        pairs.feature,
        pairs.other_feature,
        widths.bin_width,
        other_widths.bin_width as other_bin_width,
        floor(pairs.value / widths.bin_width) as bin_number,
        floor(pairs.other_value / other_widths.bin_width) as other_bin_number,

        pairs.n_customers

    from pairs

    inner join widths
        on pairs.feature = widths.feature

    inner join widths as other_widths
        on pairs.other_feature = other_widths.feature

)

select
    segmentation,
    segment_id,
    gender,
    feature,
    other_feature,
    bin_number * bin_width as bin_from,
    (bin_number + 1) * bin_width as bin_to,
    other_bin_number * other_bin_width as other_bin_from,
    (other_bin_number + 1) * other_bin_width as other_bin_to,

    cast(sum(n_customers) as bigint) as n_customers

from binned

group by
    segmentation,
    segment_id,
    gender,
    feature,
    other_feature,
    bin_number,
    bin_width,
    other_bin_number,
    other_bin_width

with

rejected_rows as (

    select * from {{ ref('int_customers_rejected') }}

),

grouped as (

    select * from {{ ref('int_customers_grouped') }}

),

statistics as (

    select * from {{ ref('int_feature_statistics') }}

),

rejected as (

    select
        count(*) as n_rejected,
        sum(
            case
                when
                    customer_id is null
                    and gender_text is null
                    and {% for feature in var('features') -%}
                    case when {{ feature.name }}_text is null then 0 else 1 end
                    {{- ' + ' if not loop.last }}
                    {%- endfor %} <= 1
                    then 1
                else 0
            end
        ) as n_without_customer

    from rejected_rows

),

accepted as (

    select
        coalesce(sum(n_customers), 0) as n_accepted,
        coalesce(sum(
            case
                when
                    {%- for feature in var('features') %}
                    {{ feature.name }} is null {{- ' or' if not loop.last }}
                    {%- endfor %}
                    then n_customers
                else 0
            end
        ), 0) as n_imputed

    from grouped

),
{% for segmentation in var('segmentations') %}
{{ segmentation.name }}_points as (

    select
        {%- for feature in segmentation.features %}
        {{ feature }},
        {%- endfor %}
        sum(n_customers) as n_customers

    from grouped

    where
        {%- for feature in segmentation.features %}
        {{ 'and ' if not loop.first }}{{ feature }} is not null
        {%- endfor %}

    group by
        {%- for feature in segmentation.features %}
        {{ feature }}{{ ',' if not loop.last }}
        {%- endfor %}

),
{% endfor %}
counts as (

    select
        'input rows' as measure,
        '' as subject,
        accepted.n_accepted + rejected.n_rejected as n

    from accepted

    cross join rejected

    union all

    select
        'accepted customers' as measure,
        '' as subject,
        n_accepted as n

    from accepted

    union all

    select
        'rejected rows' as measure,
        '' as subject,
        n_rejected as n

    from rejected

    union all

    -- Blank lines and subtotals: rejected, but no sign of a bad file.
    select
        'rows without a customer' as measure,
        '' as subject,
        coalesce(n_without_customer, 0) as n

    from rejected

    union all

    select
        'imputed customers' as measure,
        '' as subject,
        n_imputed as n

    from accepted

    union all

    select
        'distinct values' as measure,
        feature as subject,
        n_distinct as n

    from statistics
{% for segmentation in var('segmentations') %}
    union all

    select
        'complete customers' as measure,
        '{{ segmentation.name }}' as subject,
        coalesce(sum(n_customers), 0) as n

    from {{ segmentation.name }}_points

    union all

    select
        'distinct points' as measure,
        '{{ segmentation.name }}' as subject,
        count(*) as n

    from {{ segmentation.name }}_points
{% endfor %}
)

select
    measure,
    subject,
    cast(n as bigint) as n

from counts

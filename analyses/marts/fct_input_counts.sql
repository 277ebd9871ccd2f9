with

rejected as (

    select * from {{ ref('fct_rejected_customers') }}

),

accepted as (

    select
        count(*) as n_accepted,
        {%- for layout in segmentations() %}
        sum(case when 1 = 0 {%- for feature in layout.features if feature.type == 'number' %} or {{ feature.name }} is null {%- endfor %} then 0 else 1 end) as {{ layout.name }}_n_complete,
        {%- endfor %}
        sum(case when 1 = 0 {%- for feature in number_features() %} or {{ feature.name }} is null {%- endfor %} then 1 else 0 end) as n_imputed

    from {{ ref('int_customers_accepted') }}

),

{%- if has_orders() %}

order_lines as (

    select
        case when not is_accepted then rejection_reasons end as reasons,

        count(*) as n_lines

    from {{ ref('int_orders_checked') }}

    group by reasons

),

ordered as (

    select
        sum(n_orders) as n_orders,
        sum(n_returns) as n_returns,
        sum(case when has_orders then 1 else 0 end) as n_customers

    from {{ ref('int_customer_orders') }}

),
{%- endif %}

counts as (

    select
        'input rows' as measure,
        '' as subject,
        n_accepted + (select count(*) from rejected) as n
    from accepted

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
        count(*) as n
    from rejected

    union all

    -- Blank lines, subtotals and footers: rejected, but no sign of a bad file.
    select
        'rows without a customer' as measure,
        '' as subject,
        count(*) as n
    from rejected
    where rejection_reasons like '%no feature value%'

    union all

    select
        'imputed customers' as measure,
        '' as subject,
        n_imputed as n
    from accepted

    union all

    select
        'rejected because' as measure,
        rejection_reasons as subject,
        count(*) as n
    from rejected
    group by rejection_reasons

    union all

    select
        'first row rejected because' as measure,
        rejection_reasons as subject,
        min(source_row) as n
    from rejected
    group by rejection_reasons

    union all

    select
        'distinct values' as measure,
        feature as subject,
        count(*) as n
    from {{ ref('int_feature_values') }}
    group by feature

    union all

    select
        'distinct points' as measure,
        segmentation as subject,
        count(*) as n
    from {{ ref('int_points') }}
    where n_fitted > 0
    group by segmentation

    {%- if has_orders() %}

    union all

    select
        'order lines' as measure,
        '' as subject,
        sum(n_lines) as n
    from order_lines

    union all

    select
        'rejected order lines' as measure,
        '' as subject,
        sum(n_lines) as n
    from order_lines
    where reasons is not null

    union all

    select
        'order lines rejected because' as measure,
        reasons as subject,
        n_lines as n
    from order_lines
    where reasons is not null

    union all

    select
        'orders' as measure,
        '' as subject,
        n_orders as n
    from ordered

    union all

    select
        'returns' as measure,
        '' as subject,
        n_returns as n
    from ordered

    union all

    select
        'customers with orders' as measure,
        '' as subject,
        n_customers as n
    from ordered
    {%- endif %}

    {%- for layout in segmentations() %}

    union all

    select
        'complete customers' as measure,
        '{{ layout.name }}' as subject,
        {{ layout.name }}_n_complete as n
    from accepted
    {%- endfor %}

)

select
    measure,
    subject,
    cast(coalesce(n, 0) as bigint) as n

from counts
{%- if flags.EMPTY %}

where 1 = 0
{%- endif %}

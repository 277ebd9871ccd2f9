{#- Rows that refer to a segment, segmentation or feature that is not there. -#}
with

names as (
{% for table, column, parent in references %}
    select
        {{ table | quoted }} as child,
        {{ column | quoted }} as child_column,
        {{ parent | quoted }} as parent,
        {% if parent == "dim_segments" %}
        concat(segmentation, ', segment ', {{ column }}) as name,
        {% else %}
        {{ column }} as name,
        {% endif %}
        cast(count(*) as bigint) as n_rows

    from {{ "memory.main.segment_groups" if table == "fct_customer_segments"
        else "audited.main." ~ table }}

    where {{ column }} is not null

    group by all
    {{ "union all" if not loop.last }}
{% endfor %}
),

parents as (

    select
        'dim_segments' as parent,
        concat(segmentation, ', segment ', segment_id) as name

    from audited.main.dim_segments

    union

    select 'features' as parent, feature as name

    from memory.main.settings_features

    union

    select 'segmentations' as parent, segmentation as name

    from memory.main.settings_segmentations

),

checked as (

    select
        names.*,
        parents.name is null as is_orphan

    from names

    left join parents
        on names.parent = parents.parent and names.name = parents.name

)

select
    child,
    child_column,
    parent,
    cast(coalesce(sum(n_rows) filter (where is_orphan), 0) as bigint) as n_orphans,
    min(name) filter (where is_orphan) as n_orphans_example

from checked

group by
    child,
    child_column,
    parent

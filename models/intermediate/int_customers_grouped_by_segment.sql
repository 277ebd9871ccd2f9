with

combinations as (

    select * from {{ ref('int_combinations_imputed') }}

),

segments as (

    select * from {{ ref('int_combination_segments') }}

)

select
    segments.segmentation,
    segments.segment_id,
    segments.is_outlier,

    combinations.gender,
    {%- for feature in var('features') %}
    {{ imputed_on_grid(feature, 'combinations') }} as {{ feature.name }},
    combinations.is_{{ feature.name }}_imputed,
    {%- endfor %}

    cast(sum(combinations.n_customers) as bigint) as n_customers

from combinations

inner join segments
    on combinations.combination_id = segments.combination_id

group by
    segments.segmentation,
    segments.segment_id,
    segments.is_outlier,
    combinations.gender,
    {%- for feature in var('features') %}
    {{ imputed_on_grid(feature, 'combinations') }},
    combinations.is_{{ feature.name }}_imputed{{ ',' if not loop.last }}
    {%- endfor %}

with

segments as (

    select * from {{ ref('dim_segments') }}

),

points as (

    select * from {{ ref('fct_segment_points') }}

),

sureness as (

    select
        segmentation,
        segment_id,

        sum(n_customers * membership) / sum(n_customers) as mean_membership,
        cast(sum(
            case when membership < 0.7 then n_customers else 0 end
        ) as double)
        / sum(n_customers) as share_on_the_border

    from points

    group by
        segmentation,
        segment_id

)

select
    segments.segmentation,
    segments.persona,
    segments.n_customers,
    round(segments.mean_silhouette, 2) as mean_silhouette,
    round(sureness.mean_membership, 2) as mean_membership,
    round(100 * sureness.share_on_the_border, 1) as percent_on_the_border,
    segments.n_outliers

from segments

inner join sureness
    on
        segments.segmentation = sureness.segmentation
        and segments.segment_id = sureness.segment_id

order by
    segments.segmentation asc,
    segments.mean_silhouette desc,
    segments.segment_id asc

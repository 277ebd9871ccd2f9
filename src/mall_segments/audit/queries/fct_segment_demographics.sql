with

found as (

    select
        segmentation,
        segment_id,
        gender,
        age_band,
        cast(sum(n_customers) as bigint) as n_customers

    from memory.main.segment_groups

    where not is_orphan

    group by all

)

select
    coalesce(published.segmentation, found.segmentation) as segmentation,
    coalesce(published.segment_id, found.segment_id) as segment_id,
    coalesce(published.gender, found.gender) as gender,
    coalesce(published.age_band, found.age_band) as age_band,
    coalesce(published.n_customers, 0) as n_customers,
    coalesce(found.n_customers, 0) as n_customers_found,
    published.share_of_segment,
    agreed(
        published.share_of_segment,
        found.n_customers / sum(found.n_customers) over (
            partition by
                coalesce(published.segmentation, found.segmentation),
                coalesce(published.segment_id, found.segment_id)
        )
    ) as share_of_segment_recomputed

from audited.main.fct_segment_demographics as published

full join found
    on
        published.segmentation = found.segmentation
        and published.segment_id = found.segment_id
        and published.gender = found.gender
        and published.age_band = found.age_band

from mall_segments.boundary import refusing
from mall_segments.clustering.identity import note_on_returning
from mall_segments.clustering.segments import Known, fit_segments
from mall_segments.engine import to_engine, to_pandas
from mall_segments.publishing.previous import published_model


@refusing
def model(dbt, session):
    settings = dbt.config.get("meta")
    (returning,) = to_pandas(dbt.ref("int_customers_returning")).to_dict("records")
    is_kept = settings["other_customers"] == "keep"
    known = Known(
        personas=to_pandas(dbt.ref("segment_personas")),
        counts=to_pandas(dbt.ref("fct_cluster_count_scores")),
        verdicts=to_pandas(dbt.ref("fct_segmentation_verdicts")),
        previous=published_model(settings["home"]),
        returning_share=float(returning["share"]),
    )
    note = note_on_returning(
        known.returning_share, int(returning["n_previous"]), is_kept=is_kept
    )
    if note:
        print(note)
    segments = fit_segments(
        to_pandas(dbt.ref("int_points")),
        to_pandas(dbt.ref("int_coordinates")),
        settings,
        known,
    )
    return to_engine(session, segments)

from mall_segments.engine import to_engine, to_pandas
from mall_segments.clustering.segments import fit_segments


def model(dbt, session):
    published = to_pandas(dbt.ref("int_segments_published"))
    segments = fit_segments(
        to_pandas(dbt.ref("int_feature_points")),
        to_pandas(dbt.ref("int_scaler_parameters")),
        to_pandas(dbt.ref("int_cluster_counts_scored")),
        to_pandas(dbt.ref("segment_personas")),
        dbt.config.get("meta"),
        previous=published[~published["is_retired"]],
        retired=published,
    )
    return to_engine(session, segments)

from mall_segments.engine import to_engine, to_pandas
from mall_segments.clustering.segments import score_cluster_counts


def model(dbt, session):
    # Nothing is fitted to a file that does not pass the gates.
    dbt.ref("int_input_gates")
    points = to_pandas(dbt.ref("int_feature_points"))

    return to_engine(session, score_cluster_counts(points, dbt.config.get("meta")))

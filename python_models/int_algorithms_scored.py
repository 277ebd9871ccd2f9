from mall_segments.clustering.algorithms import score_algorithms
from mall_segments.engine import to_engine, to_pandas


def model(dbt, session):
    points = to_pandas(dbt.ref("int_feature_points"))
    segments = to_pandas(dbt.ref("segments"))
    settings = dbt.config.get("meta")

    return to_engine(session, score_algorithms(points, segments, settings))

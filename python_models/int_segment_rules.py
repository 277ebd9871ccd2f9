from mall_segments.clustering.rules import describe_segments
from mall_segments.engine import to_engine, to_pandas


def model(dbt, session):
    rules = describe_segments(
        to_pandas(dbt.ref("int_feature_points")),
        to_pandas(dbt.ref("int_feature_point_segments")),
        to_pandas(dbt.ref("segments")),
        dbt.config.get("meta"),
    )
    return to_engine(session, rules)

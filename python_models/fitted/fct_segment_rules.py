from mall_segments.boundary import refusing
from mall_segments.clustering.rules import describe_segments
from mall_segments.engine import to_engine, to_pandas


@refusing
def model(dbt, session):
    rules = describe_segments(
        to_pandas(dbt.ref("int_points")),
        to_pandas(dbt.ref("int_points_assigned")),
        to_pandas(dbt.ref("segments")),
        dbt.config.get("meta"),
    )
    return to_engine(session, rules)

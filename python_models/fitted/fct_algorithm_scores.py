from mall_segments.boundary import refusing
from mall_segments.clustering.algorithms import score_algorithms
from mall_segments.engine import to_engine, to_pandas


@refusing
def model(dbt, session):
    scores = score_algorithms(
        to_pandas(dbt.ref("int_points")),
        to_pandas(dbt.ref("segments")),
        dbt.config.get("meta"),
    )
    return to_engine(session, scores)

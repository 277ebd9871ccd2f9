from mall_segments.boundary import refusing
from mall_segments.clustering.verdicts import judge_segmentations
from mall_segments.engine import to_engine, to_pandas


@refusing
def model(dbt, session):
    verdicts = judge_segmentations(
        to_pandas(dbt.ref("int_points")),
        to_pandas(dbt.ref("fct_cluster_count_scores")),
        dbt.config.get("meta"),
    )
    return to_engine(session, verdicts)

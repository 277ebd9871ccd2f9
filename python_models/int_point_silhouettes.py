from mall_segments.engine import to_engine, to_pandas
from mall_segments.clustering.exploration import silhouette_points


def model(dbt, session):
    silhouettes = silhouette_points(
        to_pandas(dbt.ref("int_feature_points")),
        to_pandas(dbt.ref("segments")),
        dbt.config.get("meta"),
    )
    return to_engine(session, silhouettes)

from mall_segments.clustering.exploration import feature_drift
from mall_segments.engine import to_engine, to_pandas
from mall_segments.publishing.previous import previous_feature_values


def model(dbt, session):
    settings = dbt.config.get("meta")
    drift = feature_drift(
        previous_feature_values(settings["home"]),
        to_pandas(dbt.ref("int_feature_values")),
    )
    return to_engine(session, drift)

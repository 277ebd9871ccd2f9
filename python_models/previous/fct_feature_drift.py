from mall_segments.boundary import refusing
from mall_segments.clustering.exploration import feature_drift
from mall_segments.engine import to_engine, to_pandas
from mall_segments.publishing.previous import previous_feature_values


@refusing
def model(dbt, session):
    settings = dbt.config.get("meta")
    values = to_pandas(dbt.ref("int_feature_values"))
    drift = feature_drift(
        previous_feature_values(settings["home"]), values[values["value"].notna()]
    )
    return to_engine(session, drift)

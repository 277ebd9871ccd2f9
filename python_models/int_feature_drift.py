from mall_segments.engine import to_engine, to_pandas
from mall_segments.clustering.exploration import feature_drift


def model(dbt, session):
    previous_values = to_pandas(dbt.ref("int_feature_values_published"))
    current_values = to_pandas(dbt.ref("int_feature_values"))

    return to_engine(session, feature_drift(previous_values, current_values))

from mall_segments.clustering.components import principal_components
from mall_segments.engine import to_engine, to_pandas


def model(dbt, session):
    # Nothing is fitted to a file that does not pass the gates.
    dbt.ref("int_input_gates")
    points = to_pandas(dbt.ref("int_feature_points"))

    return to_engine(session, principal_components(points, dbt.config.get("meta")))

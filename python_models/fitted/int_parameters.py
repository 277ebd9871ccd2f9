from mall_segments.boundary import refusing
from mall_segments.clustering.parameters import wide_parameters
from mall_segments.engine import to_engine, to_pandas


@refusing
def model(dbt, session):
    parameters = wide_parameters(
        to_pandas(dbt.ref("int_coordinates")),
        to_pandas(dbt.ref("segments")),
        dbt.config.get("meta"),
    )
    return to_engine(session, parameters)

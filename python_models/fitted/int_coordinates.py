from mall_segments.boundary import refusing
from mall_segments.clustering.coordinates import fit_coordinates
from mall_segments.engine import to_engine, to_pandas


@refusing
def model(dbt, session):
    values = to_pandas(dbt.ref("int_feature_values"))

    return to_engine(session, fit_coordinates(values, dbt.config.get("meta")))

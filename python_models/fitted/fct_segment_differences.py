from mall_segments.clustering.differences import segment_differences
from mall_segments.engine import to_engine, to_pandas


def model(dbt, session):
    values = to_pandas(dbt.ref("int_segment_values"))
    settings = dbt.config.get("meta")

    return to_engine(session, segment_differences(values, settings))

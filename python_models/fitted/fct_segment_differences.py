from mall_segments.boundary import refusing
from mall_segments.clustering.differences import segment_differences
from mall_segments.engine import to_engine, to_pandas
from mall_segments.settings import read_settings


@refusing
def model(dbt, session):
    values = to_pandas(dbt.ref("int_segment_values"))
    segmentations = read_settings(dbt.config.get("meta")).segmentations
    differences = segment_differences(
        values[values["value"].notna()],
        values[values["level"].notna()],
        {each.name: each.features for each in segmentations},
    )
    return to_engine(session, differences)

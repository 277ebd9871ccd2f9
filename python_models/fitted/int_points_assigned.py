from mall_segments.boundary import refusing
from mall_segments.clustering.placed import place_points
from mall_segments.engine import to_engine, to_pandas


@refusing
def model(dbt, session):
    placed = place_points(
        to_pandas(dbt.ref("int_points")),
        to_pandas(dbt.ref("int_coordinates")),
        to_pandas(dbt.ref("segments")),
        dbt.config.get("meta"),
    )
    return to_engine(session, placed)

from mall_segments.boundary import refusing
from mall_segments.clustering.components import principal_components
from mall_segments.engine import to_engine, to_pandas


@refusing
def model(dbt, session):
    # Nothing is fitted to customers that do not pass the gates.
    dbt.ref("fct_cluster_count_scores")
    components = principal_components(
        to_pandas(dbt.ref("int_points")),
        to_pandas(dbt.ref("int_coordinates")),
        dbt.config.get("meta"),
    )
    return to_engine(session, components)

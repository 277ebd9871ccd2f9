from mall_segments.boundary import refusing
from mall_segments.clustering.choosing import score_cluster_counts
from mall_segments.clustering.gates import admit_customers
from mall_segments.engine import to_engine, to_pandas
from mall_segments.publishing.previous import published_counts


@refusing
def model(dbt, session):
    settings = dbt.config.get("meta")
    # Nothing is fitted to customers that do not pass the gates.
    admit_customers(to_pandas(dbt.ref("fct_input_counts")), settings)
    points = to_pandas(dbt.ref("int_points"))

    scores = score_cluster_counts(points, settings, published_counts(settings["home"]))
    return to_engine(session, scores)

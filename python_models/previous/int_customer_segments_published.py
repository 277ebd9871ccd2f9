from mall_segments.boundary import refusing
from mall_segments.publishing.previous import previous_customer_segments


@refusing
def model(dbt, session):
    settings = dbt.config.get("meta")

    return previous_customer_segments(session, settings["home"])

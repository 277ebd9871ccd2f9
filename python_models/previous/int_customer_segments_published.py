from mall_segments.publishing.previous import previous_customer_segments


def model(dbt, session):
    settings = dbt.config.get("meta")

    return previous_customer_segments(session, settings["home"])

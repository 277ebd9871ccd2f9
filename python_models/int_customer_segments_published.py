from mall_segments.publishing import read_published_customer_segments


def model(dbt, session):
    settings = dbt.config.get("meta")

    return read_published_customer_segments(session, settings["home"])

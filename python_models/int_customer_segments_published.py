from mall_segments.publishing.previous import previous_customer_segments


def model(dbt, session):
    home = dbt.config.get("meta")["home"]

    return previous_customer_segments(session, home)

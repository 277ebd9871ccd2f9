from mall_segments.publishing.previous import previous_feature_values


def model(dbt, session):
    settings = dbt.config.get("meta")

    return previous_feature_values(session, settings["home"], settings["features"])

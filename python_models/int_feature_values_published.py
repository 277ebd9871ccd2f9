from mall_segments.previous import previous_feature_values


def model(dbt, session):
    settings = dbt.config.get("meta")
    features = [feature["name"] for feature in settings["features"]]

    return previous_feature_values(session, settings["home"], features)

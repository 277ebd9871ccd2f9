from mall_segments.publishing import read_published_feature_values


def model(dbt, session):
    settings = dbt.config.get("meta")

    return read_published_feature_values(session, settings["home"], settings)

from mall_segments.engine import to_engine
from mall_segments.publishing.publish import read_published_segments


def model(dbt, session):
    settings = dbt.config.get("meta")
    features = [feature["name"] for feature in settings["features"]]

    return to_engine(
        session, read_published_segments(settings["home"], features=features)
    )

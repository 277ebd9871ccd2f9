from mall_segments.boundary import refusing
from mall_segments.engine import to_engine
from mall_segments.publishing.previous import read_published_segments


@refusing
def model(dbt, session):
    settings = dbt.config.get("meta")

    return to_engine(session, read_published_segments(settings["home"]))

from mall_segments.engine import to_engine
from mall_segments.publishing import read_published_segments


def model(dbt, session):
    home = dbt.config.get("meta")["home"]

    return to_engine(session, read_published_segments(home))

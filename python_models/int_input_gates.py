from mall_segments.engine import to_engine, to_pandas
from mall_segments.intake.preflight import admit_input


def model(dbt, session):
    counts = to_pandas(dbt.ref("int_input_counts"))

    return to_engine(session, admit_input(counts, dbt.config.get("meta")))

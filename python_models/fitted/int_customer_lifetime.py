from mall_segments.boundary import refusing
from mall_segments.engine import to_engine, to_pandas
from mall_segments.orders.lifetime import describe_lifetimes


@refusing
def model(dbt, session):
    lifetimes = describe_lifetimes(
        to_pandas(dbt.ref("int_purchase_histories")),
        to_pandas(dbt.ref("int_purchase_values")),
    )
    return to_engine(session, lifetimes)

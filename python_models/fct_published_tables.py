from functools import partial

from mall_segments.publishing.data_tests import write_data_tests
from mall_segments.publishing.docs import write_docs
from mall_segments.engine import to_engine, to_pandas
from mall_segments.publishing.publish import publish_generation, qualify
from mall_segments.report import write_report


def model(dbt, session):
    # Referring to every table makes this the last node: dbt runs it after them, and
    # only when every test upstream of it has passed.
    tables = {
        "dim_customers": dbt.ref("dim_customers"),
        "dim_segments": dbt.ref("dim_segments"),
        "fct_algorithm_scores": dbt.ref("fct_algorithm_scores"),
        "fct_cluster_count_scores": dbt.ref("fct_cluster_count_scores"),
        "fct_customer_segments": dbt.ref("fct_customer_segments"),
        "fct_feature_correlation": dbt.ref("fct_feature_correlation"),
        "fct_feature_distribution": dbt.ref("fct_feature_distribution"),
        "fct_feature_drift": dbt.ref("fct_feature_drift"),
        "fct_feature_pairs": dbt.ref("fct_feature_pairs"),
        "fct_feature_summary": dbt.ref("fct_feature_summary"),
        "fct_input_counts": dbt.ref("fct_input_counts"),
        "fct_principal_components": dbt.ref("fct_principal_components"),
        "fct_rejected_customers": dbt.ref("fct_rejected_customers"),
        "fct_segment_demographics": dbt.ref("fct_segment_demographics"),
        "fct_segment_feature_values": dbt.ref("fct_segment_feature_values"),
        "fct_segment_migrations": dbt.ref("fct_segment_migrations"),
        "fct_segment_points": dbt.ref("fct_segment_points"),
        "fct_segment_profiles": dbt.ref("fct_segment_profiles"),
        "fct_segment_rules": dbt.ref("fct_segment_rules"),
    }
    sources = {
        "int_combination_segments": dbt.ref("int_combination_segments"),
        "int_combinations_imputed": dbt.ref("int_combinations_imputed"),
        "int_customer_combinations": dbt.ref("int_customer_combinations"),
        "int_customers_segmented": dbt.ref("int_customers_segmented"),
        "int_customers_standardised": dbt.ref("int_customers_standardised"),
        "int_feature_statistics": dbt.ref("int_feature_statistics"),
        "int_input_counts": dbt.ref("int_input_counts"),
        "int_scaler_parameters": dbt.ref("int_scaler_parameters"),
        "segments": dbt.ref("segments"),
    }
    # Nothing of these is published, but their tests must have passed, too.
    dbt.ref("int_customers_counted_by_segment")
    dbt.ref("metric_builds")
    dbt.ref("metric_customers")

    build = to_pandas(dbt.ref("int_build_started")).iloc[0]
    settings = dbt.config.get("meta")

    published = publish_generation(
        session,
        qualify(dbt.this.database, dbt.this.schema, list(tables)),
        qualify(dbt.this.database, dbt.this.schema, list(sources)),
        settings=settings,
        build_id=build["build_id"],
        invocation=build["invocation_id"],
        home=settings["home"],
        artefacts=[
            write_data_tests,
            write_report,
            partial(write_docs, connection=session),
        ],
    )
    return to_engine(session, published)

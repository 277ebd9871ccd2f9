from functools import partial

from mall_segments.boundary import refusing
from mall_segments.clustering.parameters import build_model
from mall_segments.engine import to_engine, to_pandas
from mall_segments.publishing.data_tests import write_data_tests
from mall_segments.publishing.docs import read_manifest, write_docs
from mall_segments.publishing.previous import published_model
from mall_segments.publishing.publish import (
    built_settings,
    publish_generation,
    published_tables,
    qualify,
)
from mall_segments.report import write_report


@refusing
def model(dbt, session):
    # Referring to every table makes this the last node: dbt runs it after them, and
    # only when every test upstream of it has passed.
    tables = {
        "dim_customers": dbt.ref("dim_customers"),
        "dim_segments": dbt.ref("dim_segments"),
        "fct_algorithm_scores": dbt.ref("fct_algorithm_scores"),
        "fct_cluster_count_scores": dbt.ref("fct_cluster_count_scores"),
        "fct_customer_movements": dbt.ref("fct_customer_movements"),
        "fct_customer_segments": dbt.ref("fct_customer_segments"),
        "fct_feature_correlation": dbt.ref("fct_feature_correlation"),
        "fct_feature_distribution": dbt.ref("fct_feature_distribution"),
        "fct_feature_drift": dbt.ref("fct_feature_drift"),
        "fct_feature_pairs": dbt.ref("fct_feature_pairs"),
        "fct_feature_summary": dbt.ref("fct_feature_summary"),
        "fct_input_counts": dbt.ref("fct_input_counts"),
        "fct_principal_components": dbt.ref("fct_principal_components"),
        "fct_rejected_customers": dbt.ref("fct_rejected_customers"),
        "fct_segment_categories": dbt.ref("fct_segment_categories"),
        "fct_segment_demographics": dbt.ref("fct_segment_demographics"),
        "fct_segment_differences": dbt.ref("fct_segment_differences"),
        "fct_segment_feature_values": dbt.ref("fct_segment_feature_values"),
        "fct_segment_migrations": dbt.ref("fct_segment_migrations"),
        "fct_segment_points": dbt.ref("fct_segment_points"),
        "fct_segment_profiles": dbt.ref("fct_segment_profiles"),
        "fct_segment_rules": dbt.ref("fct_segment_rules"),
        "fct_segmentation_verdicts": dbt.ref("fct_segmentation_verdicts"),
    }
    viewed = {
        "int_customers_assigned": dbt.ref("int_customers_assigned"),
        "int_parameters": dbt.ref("int_parameters"),
        "segments": dbt.ref("segments"),
    }
    dbt.ref("int_customers_segmented")
    # Nothing of these is published, but their tests must have passed, too.
    dbt.ref("int_segment_customers")
    dbt.ref("metric_builds")
    dbt.ref("metric_features")

    # `dbt build --empty` tries the models without customers, and publishes nothing.
    if to_pandas(tables["fct_input_counts"]).empty:
        return to_engine(session, published_tables("", {}))

    orders = to_pandas(dbt.ref("int_orders_marts"))
    started = to_pandas(dbt.ref("int_build_started")).iloc[0]
    settings = dbt.config.get("meta")
    parsed, settings_sha256 = built_settings(started["settings_text"])
    fitted = build_model(
        settings=parsed,
        coordinates=to_pandas(dbt.ref("int_coordinates")),
        segments=to_pandas(dbt.ref("segments")),
        sizes=to_pandas(dbt.ref("dim_segments")),
        verdicts=to_pandas(dbt.ref("fct_segmentation_verdicts")),
        previous=published_model(settings["home"]),
        build_id=started["build_id"],
        settings_sha256=settings_sha256,
    )
    names = [*tables, *orders["table_name"]]
    relations = qualify(
        dbt.this.database,
        dbt.this.schema,
        [*names, *viewed, "int_customers_segmented"],
    )
    manifest = read_manifest()
    published = publish_generation(
        session,
        {name: relations[name] for name in names},
        fitted,
        viewed={name: relations[name] for name in viewed},
        customers=relations["int_customers_segmented"],
        input_counts=relations["fct_input_counts"],
        settings=settings,
        built_with=settings_sha256,
        invocation=started["invocation_id"],
        home=settings["home"],
        artefacts=[
            partial(write_data_tests, manifest=manifest),
            write_report,
            partial(write_docs, connection=session, manifest=manifest),
        ],
    )
    return to_engine(session, published)

"""Suites over what each published table holds, one per table.

Where a value follows from others, the query recomputes it and the expectation is that
both columns are equal. The meaning of each column is in the tables' own comments.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from mall_segments.audit.contract import AGE_BANDS, ALGORITHMS, GENDERS
from mall_segments.audit.evidence import (
    CUSTOMER_GROUPS,
    MODEL_SEGMENTS,
    PREVIOUS_GENERATION,
    SEGMENT_GROUPS,
)
from mall_segments.audit.expectations import (
    LARGEST,
    Expectation,
    Suite,
    at_least,
    between,
    equal,
    json_text,
    matches,
    n_rows,
    none,
    not_below,
    one_of,
    true,
    unique,
    warn,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from mall_segments.audit.evidence import Evidence
    from mall_segments.settings import Settings

_MEASURES: Final = {
    "segment_id": "the segment",
    "segment_name": "the name",
    "distance": "the distance",
    "second_segment_id": "the second segment",
    "second_distance": "the second distance",
    "membership": "the membership",
    "margin": "the margin",
    "silhouette": "the silhouette",
    "is_outlier": "the outlier flag",
}


def table_suites(evidence: Evidence) -> Iterator[Suite]:
    """Yield the suites over the content of every table.

    Parameters
    ----------
    evidence : Evidence
        What is audited; its settings and counts decide what is expected.
    """
    settings = evidence.settings
    counts = evidence.generation.manifest["input"]
    yield _dim_customers(settings)
    yield _dim_segments(settings)
    yield _fct_customer_segments(settings)
    yield _fct_segment_points(settings)
    yield _point_counts()
    yield _fct_segment_profiles(settings)
    yield _fct_segment_feature_values(settings)
    yield _fct_segment_demographics()
    yield _fct_segment_rules(settings)
    yield _fct_segment_migrations(evidence)
    yield _fct_cluster_count_scores()
    yield _fct_algorithm_scores(counts["accepted"])
    yield _fct_feature_summary(settings)
    yield _fct_feature_distribution()
    yield _fct_feature_pairs(settings)
    yield _fct_feature_correlation(settings)
    yield _fct_feature_drift(settings)
    yield _fct_principal_components(settings)
    yield _fct_input_counts()
    yield _fct_rejected_customers()


def _reads(query: str) -> Any:
    return partial(_read, query=query)


def _read(evidence: Evidence, *, query: str) -> pd.DataFrame:
    return evidence.read(query)


def _recomputed(*columns: str) -> tuple[Expectation, ...]:
    return tuple(
        equal(column, f"{column}_recomputed", "is what its definition gives")
        for column in columns
    )


def _bounds(settings: Settings) -> tuple[float, float]:
    return (
        min(feature.minimum for feature in settings.features),
        max(feature.maximum for feature in settings.features),
    )


def _dim_customers(settings: Settings) -> Suite:
    expectations = [
        n_rows(1, 1, meaning="is reduced to one row of counts"),
        at_least("n_rows", 1),
        equal("n_distinct_ids", "n_rows", "is n_rows: no customer twice"),
        none("n_other_genders", f"is 0: gender is {', '.join(GENDERS)}"),
        none("n_other_flags", "is 0: is_imputed says whether any feature is"),
    ]
    if any(feature.name == "age_years" for feature in settings.features):
        expectations.append(none("n_other_age_bands", "is 0: age_band fits the age"))
    for feature in settings.features:
        name = feature.name
        expectations += [
            none(
                f"n_{name}_outside",
                f"is 0: {name} is from {feature.minimum:g} to {feature.maximum:g}",
            ),
            none(f"n_{name}_not_median", f"is 0: an imputed {name} is the median"),
        ]
        if feature.is_whole:
            expectations.append(
                none(f"n_{name}_not_whole", f"is 0: {name} is a whole number")
            )
    return Suite(
        name="dim_customers",
        frame=_reads("dim_customers"),
        keys=(),
        expectations=tuple(expectations),
    )


def _dim_segments(settings: Settings) -> Suite:
    return Suite(
        name="dim_segments",
        frame=_reads("dim_segments"),
        keys=("segmentation", "segment_id"),
        expectations=(
            n_rows(1),
            unique("segmentation", "segment_id"),
            unique("segmentation", "segment_name"),
            at_least("segment_id", 1),
            at_least("n_customers", 1),
            between("customer_share", 0, 1),
            *_recomputed("customer_share"),
            at_least("n_outliers", 0),
            not_below("n_customers", "n_outliers", "is at least n_outliers"),
            between("mean_silhouette", -1, 1),
            between("inertia_share", 0, 1),
            at_least("outlier_distance", 0),
            *(
                between(f"centroid_{feature.name}", feature.minimum, feature.maximum)
                for feature in settings.features
            ),
            *(
                equal(
                    f"centroid_{feature.name}",
                    f"centroid_{feature.name}_unscaled",
                    "is the scaled centroid in original units",
                )
                for feature in settings.features
            ),
            equal("features", "features_set", "are the segmentation's, in centroids"),
            equal("n_segments", "n_segments_counted", "is the number of segments"),
            equal("n_segments", "n_segments_allowed", "is what the settings allow"),
            equal("chosen_by", "chosen_by_set", "follows from the settings"),
            equal("scaler", "scaler_set", "is that of the settings"),
            equal("random_seed", "random_seed_set", "is that of the settings"),
        ),
        needs=(MODEL_SEGMENTS,),
    )


def _fct_customer_segments(settings: Settings) -> Suite:
    return Suite(
        name="fct_customer_segments",
        frame=_reads("fct_customer_segments"),
        keys=("segmentation",),
        expectations=(
            n_rows(
                len(settings.segmentations),
                len(settings.segmentations),
                meaning="holds the segmentations of the settings",
            ),
            unique("segmentation"),
            one_of("segmentation", [item.name for item in settings.segmentations]),
            equal("n_rows", "n_accepted", "is the number of accepted customers"),
            equal("n_distinct_ids", "n_rows", "is n_rows: no customer twice"),
            none("n_orphans", "is 0: every customer is in dim_customers"),
            none("n_without_point", "is 0: every customer stands on a point"),
            *(
                none(f"n_other_{column}", f"is 0: {words} is that of the point")
                for column, words in _MEASURES.items()
            ),
            none("n_other_flags", "is 0: is_imputed says whether a feature used is"),
        ),
        needs=(CUSTOMER_GROUPS, SEGMENT_GROUPS),
    )


def _fct_segment_points(settings: Settings) -> Suite:
    names = [feature.name for feature in settings.features]
    return Suite(
        name="fct_segment_points",
        frame=_reads("fct_segment_points"),
        keys=("segmentation", "point_id"),
        expectations=(
            n_rows(1),
            unique("segmentation", "point_id"),
            unique("segmentation", *names),
            *(
                between(feature.name, feature.minimum, feature.maximum)
                for feature in settings.features
            ),
            equal("features", "features_set", "are the segmentation's, on each point"),
            equal("segment_id", "nearest_segment_id", "is the nearest segment"),
            equal("segment_name", "segment_name_given", "is the segment's name"),
            equal(
                "second_segment_id",
                "second_segment_id_recomputed",
                "is the second nearest segment",
            ),
            at_least("distance", 0),
            not_below("second_distance", "distance", "is at least the distance"),
            between("membership", 0, 1),
            between("margin", 0, 1),
            between("silhouette", -1, 1),
            *_recomputed(
                "distance", "second_distance", "membership", "margin", "is_outlier"
            ),
            at_least("n_customers", 1),
        ),
        needs=(MODEL_SEGMENTS,),
    )


def _point_counts() -> Suite:
    return Suite(
        name="fct_segment_points, recounted",
        frame=_reads("point_counts"),
        keys=("segmentation", "point_id"),
        expectations=(
            n_rows(1),
            equal(
                "n_customers",
                "n_customers_found",
                "is the number of customers with these values",
            ),
        ),
        needs=(CUSTOMER_GROUPS, SEGMENT_GROUPS),
    )


def _fct_segment_profiles(settings: Settings) -> Suite:
    least, most = _bounds(settings)
    return Suite(
        name="fct_segment_profiles",
        frame=_reads("fct_segment_profiles"),
        keys=("segmentation", "segment_id", "feature"),
        expectations=(
            n_rows(1),
            unique("segmentation", "segment_id", "feature"),
            at_least("n_customers", 1),
            between("minimum", least, most),
            between("maximum", least, most),
            not_below("p10", "minimum", "is at least the minimum"),
            not_below("median", "p10", "is at least p10"),
            not_below("p90", "median", "is at least the median"),
            not_below("maximum", "p90", "is at least p90"),
            at_least("std", 0),
            *_recomputed(
                "mean",
                "median",
                "std",
                "p10",
                "p90",
                "minimum",
                "maximum",
                "overall_mean",
                "overall_std",
                "z_score",
                "index_vs_overall",
                "difference_rank",
            ),
        ),
        needs=(CUSTOMER_GROUPS, SEGMENT_GROUPS),
    )


def _fct_segment_feature_values(settings: Settings) -> Suite:
    least, most = _bounds(settings)
    return Suite(
        name="fct_segment_feature_values",
        frame=_reads("fct_segment_feature_values"),
        keys=("segmentation", "segment_id", "feature", "value"),
        expectations=(
            n_rows(1),
            unique("segmentation", "segment_id", "feature", "value"),
            between("value", least, most),
            at_least("n_customers", 1),
            equal(
                "n_customers",
                "n_customers_found",
                "is the number of customers with this value",
            ),
        ),
        needs=(CUSTOMER_GROUPS, SEGMENT_GROUPS),
    )


def _fct_segment_demographics() -> Suite:
    return Suite(
        name="fct_segment_demographics",
        frame=_reads("fct_segment_demographics"),
        keys=("segmentation", "segment_id", "gender", "age_band"),
        expectations=(
            n_rows(1),
            unique("segmentation", "segment_id", "gender", "age_band"),
            one_of("gender", GENDERS),
            one_of("age_band", AGE_BANDS),
            at_least("n_customers", 1),
            equal(
                "n_customers",
                "n_customers_found",
                "is the number of such customers",
            ),
            between("share_of_segment", 0, 1),
            *_recomputed("share_of_segment"),
        ),
        needs=(CUSTOMER_GROUPS, SEGMENT_GROUPS),
    )


def _rule_pattern(settings: Settings) -> str:
    """Match the predicates a rule may consist of, and nothing that SQL could run."""
    names = "|".join(re.escape(feature.name) for feature in settings.features)
    comparison = rf"({names}) (<|<=|>|>=) -?[0-9]+(\.[0-9]+)?"
    return rf"^(true|{comparison}( and {comparison})*)\Z"


def _read_rules(evidence: Evidence) -> pd.DataFrame:
    pattern = _rule_pattern(evidence.settings)
    rules = evidence.rows(
        "SELECT DISTINCT segmentation, rule_sql FROM audited.main.fct_segment_rules "
        "WHERE segmentation IS NOT NULL AND rule_sql IS NOT NULL"
    )
    return evidence.read(
        "fct_segment_rules",
        # A rule is run only if it is nothing but comparisons.
        rules=[
            {"segmentation": segmentation, "predicate": predicate}
            for segmentation, predicate in rules
            if re.match(pattern, predicate)
        ],
    )


def _fct_segment_rules(settings: Settings) -> Suite:
    return Suite(
        name="fct_segment_rules",
        frame=_read_rules,
        keys=("segmentation", "rule_id"),
        expectations=(
            n_rows(1),
            unique("segmentation", "rule_id"),
            unique("segmentation", "rule_sql"),
            matches(
                "rule_sql", _rule_pattern(settings), "compares features with numbers"
            ),
            at_least("n_customers", 1),
            equal("n_customers", "n_customers_found", "is what the rule selects"),
            equal("n_in_segment", "n_in_segment_found", "is what the rule selects"),
            *(
                between(column, 0, 1)
                for column in ("precision", "coverage", "fidelity")
            ),
            *_recomputed("precision", "coverage", "fidelity"),
        ),
    )


def _fct_segment_migrations(evidence: Evidence) -> Suite:
    manifest = evidence.generation.manifest
    previous = manifest["previous_build_id"]
    return Suite(
        name="fct_segment_migrations",
        frame=_reads("fct_segment_migrations"),
        keys=("segmentation", "from_segment_id", "to_segment_id"),
        expectations=(
            n_rows(1),
            unique("segmentation", "from_segment_id", "to_segment_id"),
            one_of("movement", ["stayed", "moved", "joined", "left"]),
            *_recomputed("movement"),
            at_least("n_customers", 1),
            equal(
                "n_customers",
                "n_customers_found",
                "is what comparing both generations gives",
            ),
            one_of("previous_build_id", [previous]),
            one_of("current_build_id", [manifest["build_id"]]),
        ),
        needs=(PREVIOUS_GENERATION,),
    )


def _fct_cluster_count_scores() -> Suite:
    criteria = "setting|elbow|silhouette|calinski_harabasz|davies_bouldin|gap|stability"
    return Suite(
        name="fct_cluster_count_scores",
        frame=_reads("fct_cluster_count_scores"),
        keys=("segmentation", "n_segments"),
        expectations=(
            n_rows(1),
            unique("segmentation", "n_segments"),
            none("n_skipped", "is 0: numbers of segments run from 1 without a gap"),
            at_least("inertia", 0),
            # K-means finds good minima, not always the least one.
            warn(not_below("inertia_before", "inertia", "is at least the next one")),
            between("silhouette", -1, 1),
            at_least("calinski_harabasz", 0),
            at_least("davies_bouldin", 0),
            between("gap", -LARGEST, LARGEST, meaning="is finite"),
            at_least("gap_standard_error", 0),
            between("stability_ari", -1, 1),
            between("smallest_segment_share", 0, 1),
            matches(
                "chosen_by", rf"^({criteria})(, ({criteria}))*\Z", "lists criteria"
            ),
        ),
    )


def _fct_algorithm_scores(n_accepted: int) -> Suite:
    return Suite(
        name="fct_algorithm_scores",
        frame=_reads("fct_algorithm_scores"),
        keys=("segmentation", "algorithm"),
        expectations=(
            n_rows(1),
            unique("segmentation", "algorithm"),
            one_of("algorithm", ALGORITHMS),
            true("has_score_or_failure", "holds: either scores or a failure"),
            at_least("n_clusters", 2),
            between("noise_share", 0, 1),
            between("silhouette", -1, 1),
            at_least("calinski_harabasz", 0),
            at_least("davies_bouldin", 0),
            between("ari_to_kmeans", -1, 1),
            at_least("seconds", 0),
            between("n_customers", 1, n_accepted),
            json_text("parameters"),
        ),
    )


def _fct_feature_summary(settings: Settings) -> Suite:
    least, most = _bounds(settings)
    found = "is counted customer by customer"
    return Suite(
        name="fct_feature_summary",
        frame=_reads("fct_feature_summary"),
        keys=("feature",),
        expectations=(
            n_rows(1),
            unique("feature"),
            between("minimum", least, most),
            between("maximum", least, most),
            equal("n_customers", "n_customers_found", found),
            equal("n_missing", "n_missing_found", found),
            equal("n_distinct", "n_distinct_found", found),
            equal("n_outliers", "n_outliers_found", found),
            *_recomputed(
                "mean",
                "std",
                "minimum",
                "p25",
                "median",
                "p75",
                "maximum",
                "skewness",
                "lower_fence",
                "upper_fence",
            ),
        ),
        needs=(CUSTOMER_GROUPS,),
    )


def _fct_feature_distribution() -> Suite:
    return Suite(
        name="fct_feature_distribution",
        frame=_reads("fct_feature_distribution"),
        keys=("feature", "gender", "bin_from"),
        expectations=(
            n_rows(1),
            unique("feature", "gender", "bin_from"),
            one_of("gender", GENDERS),
            not_below("bin_to", "bin_from", "is at least bin_from"),
            at_least("n_customers", 1),
            equal(
                "n_customers",
                "n_customers_found",
                "is the number of customers in the bin",
            ),
            between("customer_share", 0, 1),
            *_recomputed("customer_share"),
        ),
        needs=(CUSTOMER_GROUPS,),
    )


def _fct_feature_pairs(settings: Settings) -> Suite:
    key = (
        "segmentation",
        "segment_id",
        "gender",
        "feature",
        "other_feature",
        "bin_from",
        "other_bin_from",
    )
    return Suite(
        name="fct_feature_pairs",
        frame=_reads("fct_feature_pairs"),
        keys=key,
        expectations=(
            n_rows(min(len(settings.features) - 1, 1)),
            unique(*key),
            at_least("n_customers", 1),
            equal(
                "n_customers",
                "n_customers_found",
                "is the number of customers in both bins",
            ),
            equal("bin_to", "bin_to_found", "is where the histogram's bin ends"),
            equal(
                "other_bin_to",
                "other_bin_to_found",
                "is where the histogram's bin ends",
            ),
        ),
        needs=(CUSTOMER_GROUPS, SEGMENT_GROUPS),
    )


def _fct_feature_correlation(settings: Settings) -> Suite:
    n_pairs = len(settings.features) ** 2
    # A sum of rounded products may pass 1 by a little.
    limit = 1 + 1e-9
    return Suite(
        name="fct_feature_correlation",
        frame=_reads("fct_feature_correlation"),
        keys=("feature", "other_feature"),
        expectations=(
            n_rows(n_pairs, n_pairs),
            unique("feature", "other_feature"),
            between("pearson", -limit, limit, meaning="is from -1 to 1"),
            between("spearman", -limit, limit, meaning="is from -1 to 1"),
            *_recomputed("pearson"),
            equal(
                "spearman",
                "spearman_mirrored",
                "is symmetric, and 1 of a feature with itself",
            ),
            equal("n_customers", "n_customers_found", "has both features"),
        ),
        needs=(CUSTOMER_GROUPS,),
    )


def _fct_feature_drift(settings: Settings) -> Suite:
    n_features = len(settings.features)
    return Suite(
        name="fct_feature_drift",
        frame=_reads("fct_feature_drift"),
        keys=("feature",),
        expectations=(
            n_rows(n_features, n_features),
            unique("feature"),
            at_least("population_stability_index", 0),
            *_recomputed("reading"),
            between("ks_statistic", 0, 1),
            between("ks_p_value", 0, 1),
            equal("current_n_customers", "n_customers_found", "is the summary's"),
            *_recomputed("current_mean"),
        ),
    )


def _fct_principal_components(settings: Settings) -> Suite:
    total = sum(len(item.features) ** 2 for item in settings.segmentations)
    limit = 1 + 1e-9
    return Suite(
        name="fct_principal_components",
        frame=_reads("fct_principal_components"),
        keys=("segmentation", "component", "feature"),
        expectations=(
            n_rows(total, total),
            unique("segmentation", "component", "feature"),
            at_least("component", 1),
            between("loading", -limit, limit, meaning="is from -1 to 1"),
            equal("squared_loadings", "expected", "add up to 1 in each component"),
            at_least("explained_variance", 0),
            not_below(
                "explained_variance_before",
                "explained_variance",
                "is at least that of the next component",
            ),
            between("explained_variance_ratio", 0, 1),
            *_recomputed("explained_variance_ratio", "cumulative_variance_ratio"),
        ),
    )


def _fct_input_counts() -> Suite:
    return Suite(
        name="fct_input_counts",
        frame=_reads("fct_input_counts"),
        keys=("measure", "subject"),
        expectations=(
            n_rows(1),
            unique("measure", "subject"),
            at_least("n", 0),
            equal("n", "n_found", "is what the tables hold"),
        ),
        needs=(CUSTOMER_GROUPS, SEGMENT_GROUPS),
    )


def _fct_rejected_customers() -> Suite:
    return Suite(
        name="fct_rejected_customers",
        frame=_reads("fct_rejected_customers"),
        keys=(),
        expectations=(
            n_rows(1, 1, meaning="is reduced to one row of counts"),
            equal("n_distinct_source_rows", "n_rows", "is n_rows: no input row twice"),
            none("n_impossible_source_rows", "is 0: each is a row of the input"),
        ),
    )

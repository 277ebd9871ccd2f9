"""What BI tools may rely on: the tables of a generation, their columns and types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mall_segments.settings import Settings

GENDERS: Final = ("female", "male", "unknown")

AGE_BANDS: Final = (
    "under 18",
    "18-24",
    "25-34",
    "35-44",
    "45-54",
    "55-64",
    "65 and over",
    "unknown",
)

ALGORITHMS: Final = (
    "kmeans",
    "bisecting_kmeans",
    "ward",
    "average_linkage",
    "dbscan",
    "hdbscan",
    "optics",
    "mean_shift",
    "affinity_propagation",
    "spectral",
    "birch",
    "gaussian_mixture",
)

# A question mark ends the line of a column that may be empty. A column named with
# <feature> stands for one per feature, in the order of the settings.
_TABLES: Final = {
    "dim_customers": """
        customer_id VARCHAR
        gender VARCHAR
        age_band VARCHAR
        <feature> DOUBLE
        is_<feature>_imputed BOOLEAN
        is_imputed BOOLEAN
    """,
    "dim_segments": """
        segmentation VARCHAR
        segment_id BIGINT
        segment_name VARCHAR
        persona VARCHAR
        recommended_action VARCHAR
        n_customers BIGINT
        customer_share DOUBLE
        n_outliers BIGINT
        mean_silhouette DOUBLE?
        inertia_share DOUBLE
        outlier_distance DOUBLE
        centroid_<feature> DOUBLE?
        scaled_centroid_<feature> DOUBLE?
        n_segments BIGINT
        chosen_by VARCHAR
        scaler VARCHAR
        random_seed BIGINT
    """,
    "fct_algorithm_scores": """
        segmentation VARCHAR
        algorithm VARCHAR
        n_clusters BIGINT?
        noise_share DOUBLE?
        silhouette DOUBLE?
        calinski_harabasz DOUBLE?
        davies_bouldin DOUBLE?
        ari_to_kmeans DOUBLE?
        seconds DOUBLE
        parameters VARCHAR?
        n_customers BIGINT
        is_exact BOOLEAN
        failure VARCHAR?
    """,
    "fct_cluster_count_scores": """
        segmentation VARCHAR
        n_segments BIGINT
        inertia DOUBLE
        silhouette DOUBLE?
        calinski_harabasz DOUBLE?
        davies_bouldin DOUBLE?
        gap DOUBLE?
        gap_standard_error DOUBLE?
        stability_ari DOUBLE?
        smallest_segment_share DOUBLE
        is_exact BOOLEAN
        is_chosen BOOLEAN
        chosen_by VARCHAR?
    """,
    "fct_customer_segments": """
        segmentation VARCHAR
        customer_id VARCHAR
        segment_id BIGINT
        segment_name VARCHAR
        distance DOUBLE
        second_segment_id BIGINT
        second_distance DOUBLE
        membership DOUBLE
        margin DOUBLE
        silhouette DOUBLE?
        is_outlier BOOLEAN
        is_imputed BOOLEAN
    """,
    "fct_feature_correlation": """
        feature VARCHAR
        other_feature VARCHAR
        n_customers BIGINT
        pearson DOUBLE?
        spearman DOUBLE?
    """,
    "fct_feature_distribution": """
        feature VARCHAR
        gender VARCHAR
        bin_from DOUBLE
        bin_to DOUBLE
        n_customers BIGINT
        customer_share DOUBLE
    """,
    "fct_feature_drift": """
        feature VARCHAR
        population_stability_index DOUBLE?
        reading VARCHAR?
        ks_statistic DOUBLE?
        ks_p_value DOUBLE?
        previous_n_customers BIGINT?
        current_n_customers BIGINT
        previous_mean DOUBLE?
        current_mean DOUBLE
    """,
    "fct_feature_pairs": """
        segmentation VARCHAR
        segment_id BIGINT
        gender VARCHAR
        feature VARCHAR
        other_feature VARCHAR
        bin_from DOUBLE
        bin_to DOUBLE
        other_bin_from DOUBLE
        other_bin_to DOUBLE
        n_customers BIGINT
    """,
    "fct_feature_summary": """
        feature VARCHAR
        n_customers BIGINT
        n_missing BIGINT
        n_distinct BIGINT
        mean DOUBLE
        std DOUBLE
        minimum DOUBLE
        p25 DOUBLE
        median DOUBLE
        p75 DOUBLE
        maximum DOUBLE
        skewness DOUBLE?
        lower_fence DOUBLE
        upper_fence DOUBLE
        n_outliers BIGINT
    """,
    "fct_input_counts": """
        measure VARCHAR
        subject VARCHAR?
        n BIGINT
    """,
    "fct_principal_components": """
        segmentation VARCHAR
        component BIGINT
        feature VARCHAR
        loading DOUBLE
        explained_variance DOUBLE
        explained_variance_ratio DOUBLE?
        cumulative_variance_ratio DOUBLE?
    """,
    "fct_rejected_customers": """
        source_row BIGINT
        customer_id VARCHAR?
        gender_text VARCHAR?
        <feature>_text VARCHAR?
        rejection_reasons VARCHAR
    """,
    "fct_segment_demographics": """
        segmentation VARCHAR
        segment_id BIGINT
        gender VARCHAR
        age_band VARCHAR
        n_customers BIGINT
        share_of_segment DOUBLE
    """,
    "fct_segment_feature_values": """
        segmentation VARCHAR
        segment_id BIGINT
        feature VARCHAR
        value DOUBLE
        n_customers BIGINT
    """,
    "fct_segment_migrations": """
        segmentation VARCHAR
        from_segment_id BIGINT?
        from_segment_name VARCHAR?
        to_segment_id BIGINT?
        to_segment_name VARCHAR?
        movement VARCHAR
        n_customers BIGINT
        previous_build_id VARCHAR
        current_build_id VARCHAR
    """,
    "fct_segment_points": """
        segmentation VARCHAR
        point_id BIGINT
        <feature> DOUBLE?
        segment_id BIGINT
        segment_name VARCHAR
        distance DOUBLE
        second_segment_id BIGINT
        second_distance DOUBLE
        membership DOUBLE
        margin DOUBLE
        silhouette DOUBLE?
        is_outlier BOOLEAN
        n_customers BIGINT
    """,
    "fct_segment_profiles": """
        segmentation VARCHAR
        segment_id BIGINT
        feature VARCHAR
        n_customers BIGINT
        mean DOUBLE
        median DOUBLE
        std DOUBLE
        p10 DOUBLE
        p90 DOUBLE
        minimum DOUBLE
        maximum DOUBLE
        overall_mean DOUBLE
        overall_std DOUBLE
        z_score DOUBLE?
        index_vs_overall DOUBLE?
        difference_rank BIGINT
    """,
    "fct_segment_rules": """
        segmentation VARCHAR
        segment_id BIGINT
        rule_id BIGINT
        rule_sql VARCHAR
        rule_text VARCHAR
        precision DOUBLE
        coverage DOUBLE
        n_customers BIGINT
        n_in_segment BIGINT
        fidelity DOUBLE
    """,
}


@dataclass(frozen=True)
class Column:
    """A published column: its name, its DuckDB type, and whether it may be empty."""

    name: str
    type: str
    is_optional: bool


def published_tables(settings: Settings) -> Mapping[str, tuple[Column, ...]]:
    """List the columns of every published table, in order.

    Parameters
    ----------
    settings : Settings
        The settings of the build; features and their order are read.
    """
    names = [feature.name for feature in settings.features]
    return {
        table: tuple(
            Column(
                name=name.replace("<feature>", feature),
                type=kind.removesuffix("?"),
                is_optional=kind.endswith("?"),
            )
            for name, kind in map(str.split, lines.strip().splitlines())
            for feature in (names if "<feature>" in name else [""])
        )
        for table, lines in _TABLES.items()
    }

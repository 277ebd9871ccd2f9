"""What BI tools may rely on: the published tables, their columns and types."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mall_segments.publishing.tables import quote_identifier, quote_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mall_segments.settings import Feature, Settings

TYPES: Final = {
    "TINYINT": "whole",
    "SMALLINT": "whole",
    "INTEGER": "whole",
    "BIGINT": "whole",
    "DOUBLE": "number",
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
}
"""DuckDB's types as the tables below name them; BI tools read no others."""

# A star marks the columns of the key. Two dots stand between the least and the most of
# a number; whole ones are at least 0. A "set" is the name of a segmentation; a plural
# is one of the numbers or categories of the settings, or of _WORDS. What ends with a
# question mark may be empty. A name in angle brackets stands for a column per number,
# category or column of the settings; an ellipsis allows further columns.
_TABLES: Final = {
    "dim_customers": """*customer_id text, <category> text, <band> text,
        <number> number, is_<number>_imputed boolean, is_imputed boolean""",
    "dim_segments": """*segmentation set, *segment_id whole, segment_name text,
        persona text, recommended_action text, n_customers whole, customer_share 0..1,
        n_outliers whole, mean_silhouette -1..1?, stability_jaccard 0..1?,
        inertia_share 0..1, outlier_distance 0.., centroid_<number> number?,
        centroid_<category> text?, scaled_centroid_<number> number?, n_segments whole,
        chosen_by text, scaler text, random_seed whole""",
    "fct_algorithm_scores": """*segmentation set, *algorithm algorithms,
        n_clusters whole?, noise_share 0..1?, silhouette -1..1?, calinski_harabasz 0..?,
        davies_bouldin 0..?, ari_to_kmeans -1..1?, seconds 0.., parameters text?,
        n_customers whole, is_exact boolean, failure text?""",
    "fct_cluster_count_scores": """*segmentation set, *n_segments whole, inertia 0..,
        silhouette -1..1?, calinski_harabasz 0..?, davies_bouldin 0..?,
        gap number?, gap_standard_error 0..?, stability_ari -1..1?,
        lowest_jaccard 0..1?, separation number?, smallest_segment_share 0..1,
        is_exact boolean, is_chosen boolean, chosen_by text?""",
    "fct_customer_movements": """*segmentation set, *customer_id text,
        from_segment_id whole?, from_segment_name text?, to_segment_id whole?,
        to_segment_name text?, change changes""",
    "fct_customer_segments": """*segmentation set, *customer_id text, segment_id whole,
        segment_name text, persona text, distance 0.., second_segment_id whole?,
        second_distance 0..?, membership 0..1, is_outlier boolean,
        is_imputed boolean, main_reason text, holdout_bucket whole""",
    "fct_feature_correlation": """*feature numbers, *other_feature numbers,
        n_customers whole, pearson -1..1?, spearman -1..1?""",
    "fct_feature_distribution": """*feature numbers, *<gender> text, *bin_from number,
        bin_to number, n_customers whole, customer_share 0..1""",
    "fct_feature_drift": """*feature numbers, population_stability_index 0..?,
        reading readings?, ks_statistic 0..1?, ks_p_value 0..1?,
        previous_n_customers whole?, current_n_customers whole, previous_mean number?,
        current_mean number?""",
    "fct_feature_pairs": """*segmentation set, *segment_id whole, *feature numbers,
        *other_feature numbers, *bin_from number, bin_to number, *other_bin_from number,
        other_bin_to number, n_customers whole""",
    "fct_feature_summary": """*feature numbers, n_customers whole, n_missing whole,
        n_distinct whole, mean number, std 0.., minimum number, p25 number,
        median number, p75 number, maximum number, skewness number?, lower_fence number,
        upper_fence number, n_outliers whole, is_whole boolean""",
    "fct_input_counts": "*measure text, *subject text?, n whole",
    "fct_principal_components": """*segmentation set, *component whole, *feature text,
        loading -1..1, explained_variance 0.., explained_variance_ratio 0..1?,
        cumulative_variance_ratio 0..1?""",
    "fct_rejected_customers": """*source_row whole, customer_id text?,
        <column>_text text?, rejection_reasons text""",
    "fct_segment_categories": """*segmentation set, *segment_id whole,
        *feature categories, *level text, n_customers whole, share_of_segment 0..1,
        overall_share 0..1, index_vs_overall 0..?""",
    "fct_segment_demographics": """*segmentation set, *segment_id whole,
        *<demographic> text, n_customers whole, share_of_segment 0..1""",
    "fct_segment_differences": """*segmentation set, *attribute text, test text,
        statistic 0..?, p_value 0..1?, effect_size -1..1?, effect_reading text?,
        is_fitted boolean""",
    "fct_segment_feature_values": """*segmentation set, *segment_id whole,
        *feature numbers, *value number, n_customers whole""",
    "fct_segment_migrations": """segmentation set, from_segment_id whole?,
        from_segment_name text?, to_segment_id whole?, to_segment_name text?,
        movement movements, n_customers whole, previous_build_id text,
        current_build_id text""",
    "fct_segment_points": """*segmentation set, *point_id whole, <number> number?,
        <category> text?, segment_id whole, segment_name text, distance 0..,
        second_segment_id whole?, second_distance 0..?, membership 0..1,
        silhouette -1..1?, is_outlier boolean, n_customers whole""",
    "fct_segment_profiles": """*segmentation set, *segment_id whole, *feature numbers,
        n_customers whole, mean number, median number, std 0.., p10 number,
        p90 number, minimum number, maximum number, overall_mean number,
        overall_std number, z_score number?, index_vs_overall number?,
        difference_rank whole""",
    "fct_segment_rules": """*segmentation set, segment_id whole,
        segment_name text, *rule_id whole,
        rule_sql text, rule_text text, precision 0..1, coverage 0..1,
        n_customers whole, n_in_segment whole, fidelity 0..1""",
    "fct_segmentation_verdicts": """*segmentation set, verdict verdicts, sentence text,
        n_segments whole, silhouette -1..1?, null_uniform_p95 -1..1?,
        null_gaussian_p95 -1..1?, gap_choice whole?, lowest_jaccard 0..1?,
        smallest_segment_share 0..1, hopkins 0..1?""",
}

_TABLES_OF_ORDERS: Final = {
    "dim_segments": _TABLES["dim_segments"] + ", ...",
    "fct_customer_rfm": "customer_id text, rfm_segment text, ...",
    "fct_rejected_orders": "rejection_reasons text, ...",
    "fct_rfm_agreement": "segmentation set, segment_id whole, rfm_segment text, ...",
}

_WORDS: Final = {
    "algorithms": (
        *("kmeans", "bisecting_kmeans", "ward", "average_linkage", "dbscan", "hdbscan"),
        *("optics", "mean_shift", "affinity_propagation", "spectral", "birch"),
        "gaussian_mixture",
    ),
    "changes": ("joined", "left", "moved"),
    "movements": ("joined", "left", "stayed", "moved", "renamed"),
    "readings": ("stable", "moderate", "major"),
    "verdicts": ("clear segments", "weak segments", "no segments"),
}

_ROUNDING: Final = 1e-9
"""How far numbers may lie beyond their range, for they were computed."""


@dataclass(frozen=True)
class Column:
    """A published column: its name, type and range, and whether it may be empty.

    ``values`` are all that a text may be, None for every text. ``imputed`` is the
    column that says which values need not obey, for they were not given.
    """

    name: str
    type: str
    is_key: bool = False
    is_optional: bool = False
    least: float | None = None
    most: float | None = None
    values: Sequence[str] | None = None
    is_whole: bool = False
    imputed: str | None = None

    def is_outside(self) -> str:
        """Return SQL of whether a value is beyond the range or none of the values."""
        name = quote_identifier(self.name)
        broken = []
        if self.values is not None:
            listed = ", ".join(map(quote_text, self.values))
            broken.append(f"{name} NOT IN ({listed})" if listed else f"{name} <> ''")
        if self.least is not None:
            broken.append(f"{name} < {self.least - _ROUNDING!r}")
        if self.most is not None:
            broken.append(f"{name} > {self.most + _ROUNDING!r}")
        if self.is_whole:
            broken.append(f"{name} <> round({name})")
        found = " OR ".join(broken) or "false"
        if self.imputed:
            return f"NOT {quote_identifier(self.imputed)} AND ({found})"
        return found


@dataclass(frozen=True)
class Table:
    """A published table; ``is_open`` allows columns besides those declared."""

    columns: tuple[Column, ...]
    is_open: bool
    least_rows: int

    @property
    def keys(self) -> list[str]:
        """The columns that no two rows have alike, if any are declared."""
        return [column.name for column in self.columns if column.is_key]


def published_tables(settings: Settings) -> Mapping[str, Table]:
    """Return every table of a build with these settings, by name."""
    declared = _TABLES | (_TABLES_OF_ORDERS if settings.has_orders else {})
    names = {
        "<number>": [feature.name for feature in settings.numeric_features],
        "<category>": [feature.name for feature in settings.categories],
        "<column>": [feature.name for feature in settings.columns],
        "<gender>": ["gender"] if settings.gender else [],
        "<band>": bands(settings),
        "<demographic>": demographics(settings),
    }
    sets = _WORDS | {
        "set": [each.name for each in settings.segmentations],
        "numbers": names["<number>"],
        "categories": names["<category>"],
    }
    n = len(names["<number>"])
    least = {
        "fct_feature_correlation": n**2,
        "fct_feature_pairs": n * (n - 1) // 2,
        "fct_input_counts": 4,
    }
    tables = {}
    for table, text in declared.items():
        columns = tuple(_columns(text, names, sets))
        sizes = [len(each.values) for each in columns if each.is_key and each.values]
        is_empty = any(each.is_key and each.values == [] for each in columns)
        tables[table] = Table(
            columns,
            is_open="..." in text,
            least_rows=least.get(table, 0 if is_empty else max(sizes, default=1)),
        )
    customers = tables["dim_customers"]
    allowed = {feature.name: _allowed(feature) for feature in settings.columns}
    columns = tuple(allowed.get(each.name, each) for each in customers.columns)
    return tables | {"dim_customers": replace(customers, columns=columns)}


def _allowed(feature: Feature) -> Column:
    """Return the column of a feature, with the values that the settings allow."""
    if feature.type == "category":
        values = [*feature.levels, "unknown"] if feature.levels else None
        return Column(feature.name, "text", values=values)
    return Column(
        feature.name,
        "number",
        least=feature.least,
        most=feature.maximum,
        is_whole=feature.is_whole,
        # A median may lie between two whole numbers.
        imputed=f"is_{feature.name}_imputed",
    )


def bands(settings: Settings) -> list[str]:
    """Return the columns of bands, such as ``age_band``."""
    return [each.bands.name for each in settings.numeric_features if each.bands]


def demographics(settings: Settings) -> list[str]:
    """Return the columns of the setting ``demographics`` that there are."""
    there = {feature.name for feature in settings.categories} | set(bands(settings))
    return [name for name in settings.demographics if name in there]


def _columns(
    text: str, names: Mapping[str, list[str]], sets: Mapping[str, Sequence[str]]
) -> Iterator[Column]:
    for declaration in text.split(","):
        if declaration.strip() == "...":
            continue
        name, kind = declaration.split()
        least, dots, most = kind.removesuffix("?").partition("..")
        place = next((each for each in names if each in name), "")
        for filled in names[place] if place else [""]:
            yield Column(
                name=name.removeprefix("*").replace(place, filled),
                type="number" if dots else "text" if least in sets else least,
                is_key=name.startswith("*"),
                is_optional=kind.endswith("?"),
                least=float(least) if dots else 0 if least == "whole" else None,
                most=float(most) if most else None,
                values=sets.get(least),
            )

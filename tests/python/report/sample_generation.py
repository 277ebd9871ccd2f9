"""A small generation with every table the report reads, made without dbt.

Customers have any features; segments are those that K-means finds. Scores, rules and
algorithms are made up: the report shows them as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans

from mall_segments.model import (
    Coordinate,
    Model,
    ModelColumn,
    ModelSegment,
    ModelSegmentation,
    write_model,
)
from mall_segments.publishing.generations import DATABASE, MODEL
from mall_segments.scoring.assignment import assign, transform

LETTERS = "ABCDEFGHIJKLMNOP"

BUILD_ID = "20261121T120000.000000Z-0f8e12ab"

_COLUMNS = {
    "fct_cluster_count_scores": """segmentation n_segments inertia silhouette
        calinski_harabasz davies_bouldin gap gap_standard_error stability_ari
        lowest_jaccard separation smallest_segment_share is_exact is_chosen
        chosen_by""",
    "fct_segmentation_verdicts": """segmentation verdict sentence n_segments silhouette
        null_uniform_p95 null_gaussian_p95 gap_choice lowest_jaccard
        smallest_segment_share hopkins""",
    "fct_algorithm_scores": """segmentation algorithm n_clusters noise_share silhouette
        calinski_harabasz davies_bouldin ari_to_kmeans seconds parameters n_customers
        is_exact failure""",
    "fct_segment_differences": """segmentation attribute test statistic p_value
        effect_size effect_reading is_fitted""",
    "fct_segment_rules": """segmentation segment_id rule_id rule_text precision coverage
        n_customers""",
    "fct_principal_components": """segmentation component feature loading
        explained_variance_ratio cumulative_variance_ratio""",
    "fct_segment_migrations": """segmentation from_segment_id from_segment_name
        to_segment_id to_segment_name movement n_customers""",
    "fct_feature_correlation": "feature other_feature pearson spearman",
    "fct_feature_drift": """feature population_stability_index reading ks_statistic
        ks_p_value previous_n_customers current_n_customers previous_mean
        current_mean""",
    "fct_input_counts": "measure subject n",
    "fct_rejected_customers": "rejection_reasons",
}
_TEXTS = ("segmentation", "feature", "other_feature", "reading", "movement",
          "from_segment_name", "to_segment_name")  # fmt: skip

SENTENCES = {
    "clear segments": "There are clear segments here.",
    "weak segments": "The segments are weak: other samples shift them.",
    "no segments": "There are no segments here: customers form one crowd.",
}


@dataclass(frozen=True)
class Column:
    name: str
    label: str = ""
    unit: str = ""
    transform: Any = "none"
    clip: tuple[float, float] | None = None


@dataclass(frozen=True)
class Plan:
    """A segmentation to be made."""

    name: str
    features: tuple[str, ...]
    k: int
    personas: tuple[str, ...] = ()
    verdict: Any = "clear segments"


@dataclass(frozen=True)
class Sample:
    """Customers, by column, and the segmentations to make of them."""

    columns: tuple[Column, ...]
    customers: Mapping[str, Sequence[Any]]
    plans: tuple[Plan, ...]
    has_previous: bool = True
    demographics: tuple[str, ...] = ()
    extra: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    spend: bool = False


def is_number(values: Sequence[Any]) -> bool:
    return not isinstance(values[0], str)


def fit(sample: Sample, plan: Plan) -> tuple[list[Coordinate], np.ndarray]:
    """Make coordinates of the features, and assign customers to clusters."""
    axes, placed = [], []
    for name in plan.features:
        column = next(each for each in sample.columns if each.name == name)
        values = sample.customers[name]
        if is_number(values):
            numbers = np.asarray(values, dtype=float)
            low, high = (
                np.quantile(numbers, column.clip) if column.clip else (None, None)
            )
            limits = {"low": low, "high": high, "transform": column.transform}
            power = 0.4 if column.transform == "yeo_johnson" else None
            axis = Coordinate(
                feature=name, power=power, center=0.0, scale=1.0, **limits
            )
            at = transform(axis, numbers)
            scaled = {"center": float(at.mean()), "scale": float(at.std()) or 1.0}
            axes.append(axis.model_copy(update=scaled))
            placed.append(at)
            continue
        for level in sorted(set(values)):
            at = (np.asarray(values, dtype=object) == level).astype(float)
            share = float(at.mean())
            axes.append(
                Coordinate(feature=name, level=level, center=share, scale=share**0.5)
            )
            placed.append(at)
    matrix = np.column_stack(
        [(at - axis.center) / axis.scale for at, axis in zip(placed, axes, strict=True)]
    )
    return (
        axes,
        KMeans(plan.k, n_init=4, tol=0, max_iter=999, random_state=0)
        .fit(matrix)
        .labels_,
        matrix,
    )


def make_segmentation(sample: Sample, plan: Plan) -> ModelSegmentation:
    axes, labels, matrix = fit(sample, plan)
    order = np.argsort(-np.bincount(labels), kind="stable")
    n = len(labels)
    segments = []
    squared = 0.0
    for number, cluster in enumerate(order.tolist(), 1):
        own = labels == cluster
        centre = matrix[own].mean(axis=0)
        distances = np.sqrt(((matrix[own] - centre) ** 2).sum(axis=1))
        squared += float((distances**2).sum())
        centroid = {}
        for name in plan.features:
            values = np.asarray(sample.customers[name])[own]
            centroid[name] = (
                float(values.mean())
                if is_number(sample.customers[name])
                else str(pd.Series(values).mode()[0])
            )
        persona = plan.personas[number - 1] if number <= len(plan.personas) else ""
        segments.append(
            ModelSegment(
                segment_id=number,
                segment_name=f"Kind {LETTERS[number - 1]} of {plan.features[0]}",
                persona=persona or f"Persona {LETTERS[number - 1]}",
                recommended_action="Write to them; offer what they like.",
                n_customers=int(own.sum()),
                customer_share=float(own.mean()),
                share=float(own.mean()),
                mean_silhouette=0.5,
                stability_jaccard=0.95 if number > 1 else 0.68,
                inertia_share=1 / plan.k,
                outlier_distance=float(np.quantile(distances, 0.99)),
                centroid=centroid,
                coordinates=centre.tolist(),
            )
        )
    return ModelSegmentation(
        name=plan.name,
        features=list(plan.features),
        scaler="standard",
        random_seed=42,
        verdict=plan.verdict,
        variance=squared / ((n - plan.k) * len(axes)),
        coordinates=axes,
        segments=segments,
        retired_segments=[],
    )


def make_model(sample: Sample) -> Model:
    columns = []
    for column in sample.columns:
        values = sample.customers[column.name]
        numeric = is_number(values)
        columns.append(
            ModelColumn(
                name=column.name,
                label=column.label or column.name.replace("_", " "),
                unit=column.unit,
                type="number" if numeric else "category",
                aliases=[],
                minimum=0.0 if numeric and min(values) >= 0 else None,
                is_whole=numeric and bool(np.all(np.asarray(values) % 1 == 0)),
                imputed=float(np.median(np.asarray(values, dtype=float)))
                if numeric
                else None,
            )
        )
    return Model(
        build_id=BUILD_ID,
        created_at="2026-11-21T12:00:00+00:00",
        settings_sha256="0" * 64,
        missing_values="impute",
        customer_id_aliases=[],
        columns=columns,
        segmentations=[make_segmentation(sample, plan) for plan in sample.plans],
    )


def write_generation(folder: Path, sample: Sample) -> Model:
    """Write the model, the database and the lists of a generation."""
    model = write_model(folder / MODEL, make_model(sample))
    frame = pd.DataFrame(dict(sample.customers))
    numbers = [
        each.name for each in sample.columns if is_number(sample.customers[each.name])
    ]
    levels = [each.name for each in sample.columns if each.name not in numbers]
    connection = duckdb.connect(str(folder / DATABASE))
    assigned = []
    for segmentation in model.segmentations:
        found = assign(model, segmentation, sample.customers)
        assigned.append(
            frame.assign(
                **sample.extra,
                id=range(len(frame)),
                segmentation=segmentation.name,
                segment_id=found.segment + 1,
                silhouette=1 - found.distance / found.second_distance,
            )
        )
    connection.register("assigned", pd.concat(assigned))
    connection.execute("CREATE TABLE customers AS FROM assigned")
    _segments(connection, sample, model)
    _long_tables(connection, sample, numbers, levels)
    _made_up(connection, sample, model, numbers, levels)
    connection.execute("DROP TABLE customers")
    connection.close()
    (folder / "parquet").mkdir(exist_ok=True)
    for name in ("segmented_mall_customers.csv", "parquet/dim_segments.parquet"):
        (folder / name).write_text("")
    return model


def _table(connection: Any, name: str, columns: str, rows: list[Any]) -> None:
    """Create a table; one without rows is made of a row of every type."""
    names = columns.split()
    example = [tuple("" if name in _TEXTS else 0 for name in names)]
    frame = pd.DataFrame(rows or example, columns=names).convert_dtypes()
    connection.register("rows_of", frame)
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM rows_of")
    if not rows:
        connection.execute(f"DELETE FROM {name}")


def _segments(connection: Any, sample: Sample, model: Model) -> None:
    rows = [
        segment.model_dump(exclude={"centroid", "coordinates", "share"})
        | {"n_outliers": 1, "segmentation": segmentation.name}
        | ({"mean_spend": 9.0, "spend_share": 0.25} if sample.spend else {})
        for segmentation in model.segmentations
        for segment in segmentation.segments
    ]
    values = [tuple(row.values()) for row in rows]
    _table(connection, "dim_segments", " ".join(rows[0]), values)


def _long_tables(
    connection: Any, sample: Sample, numbers: Sequence[str], levels: Sequence[str]
) -> None:
    gender = "gender, " if "gender" in {*levels, *sample.extra} else ""

    def unpivot(names: Sequence[str], kind: str) -> str:
        parts = [
            f"SELECT segmentation, segment_id, id, {gender} '{name}' AS feature, "
            f"{place} AS place, {value}::{kind} AS value FROM customers "
            f"WHERE {is_there}"
            for place, (name, value, is_there) in enumerate(
                [*((name, name, "true") for name in names), ("", "NULL", "false")]
            )
        ]
        return " UNION ALL ".join(parts)

    features = [*numbers, *levels]
    connection.execute(f"""
        CREATE TABLE fct_segment_points AS SELECT segmentation, {", ".join(features)},
            segment_id, avg(silhouette) AS silhouette, count(*) AS n_customers,
            row_number() OVER () AS point_id FROM customers GROUP BY ALL;
        CREATE TABLE long_numbers AS {unpivot(numbers, "DOUBLE")};
        CREATE TABLE fct_segment_profiles AS
            WITH every AS (SELECT segmentation, feature, avg(value) AS overall_mean,
                stddev_pop(value) AS overall_std FROM long_numbers GROUP BY ALL)
            SELECT segmentation, segment_id, feature, count(*) AS n_customers,
                avg(value) AS mean, median(value) AS median, stddev_pop(value) AS std,
                quantile_cont(value, 0.1) AS p10, quantile_cont(value, 0.9) AS p90,
                min(value) AS minimum, max(value) AS maximum,
                any_value(overall_mean) AS overall_mean,
                (avg(value) - any_value(overall_mean)) / any_value(overall_std)
                AS z_score,
                100 * avg(value) / any_value(overall_mean) AS index_vs_overall
            FROM long_numbers JOIN every USING (segmentation, feature) GROUP BY ALL;
        CREATE TABLE fct_segment_categories AS
            WITH counted AS (
                SELECT segmentation, segment_id, feature, value AS level,
                    count(*) AS n_customers
                FROM ({unpivot(levels, "TEXT")}) AS long GROUP BY ALL)
            SELECT *, n_customers / sum(n_customers) OVER (
                    PARTITION BY segmentation, segment_id, feature) AS share_of_segment,
                sum(n_customers) OVER (PARTITION BY segmentation, feature, level)
                / sum(n_customers) OVER (PARTITION BY segmentation, feature)
                AS overall_share FROM counted;
        CREATE TABLE fct_feature_summary AS
            SELECT feature, count(*) AS n_customers, 0 AS n_missing,
                count(DISTINCT value) AS n_distinct, avg(value) AS mean,
                stddev_pop(value) AS std, min(value) AS minimum,
                quantile_cont(value, 0.25) AS p25, median(value) AS median,
                quantile_cont(value, 0.75) AS p75, max(value) AS maximum,
                skewness(value) AS skewness, 2 AS n_outliers
            FROM long_numbers
            WHERE segmentation = (SELECT min(segmentation) FROM customers)
            GROUP BY feature;
    """)
    keys = "".join(f"{name}, " for name in sample.demographics)
    connection.execute(
        "CREATE TABLE fct_segment_demographics AS SELECT *, "
        "n_customers / sum(n_customers) OVER (PARTITION BY segmentation, segment_id) "
        "AS share_of_segment FROM ("
        f"SELECT segmentation, segment_id, {keys} count(*) AS n_customers "
        "FROM customers GROUP BY ALL)"
    )
    connection.execute(f"""
        CREATE TABLE binned AS
            SELECT *, floor(least((value - low) / width, 11)) * width + low AS bin_from,
                bin_from + width AS bin_to
            FROM long_numbers JOIN (
                SELECT feature, min(value) AS low,
                    (max(value) - min(value)) / 12 AS width
                FROM long_numbers GROUP BY feature) USING (feature);
        CREATE TABLE fct_feature_distribution AS
            SELECT *, n_customers / sum(n_customers) OVER (PARTITION BY feature)
                AS customer_share
            FROM (SELECT feature, {gender} bin_from, bin_to, count(*) AS n_customers
                FROM binned WHERE segmentation = '{sample.plans[0].name}' GROUP BY ALL);
        CREATE TABLE fct_feature_pairs AS
            SELECT segmentation, one.segment_id, one.feature, one.bin_from, one.bin_to,
                other.feature AS other_feature, other.bin_from AS other_bin_from,
                other.bin_to AS other_bin_to, count(*) AS n_customers
            FROM binned AS one JOIN binned AS other USING (segmentation, id)
            WHERE one.place < other.place GROUP BY ALL;
        DROP TABLE long_numbers;
        DROP TABLE binned;
    """)


def _made_up(
    connection: Any,
    sample: Sample,
    model: Model,
    numbers: Sequence[str],
    levels: Sequence[str],
) -> None:
    """Create the tables whose numbers are not computed of the customers."""
    scores, verdicts, algorithms, differences, rules = [], [], [], [], []
    migrations, components = [], []
    for plan, segmentation in zip(sample.plans, model.segmentations, strict=True):
        own, k = plan.name, plan.k
        best = {1: "gap", 4: "jaccard"}
        best |= {k: "silhouette, calinski_harabasz, davies_bouldin"}
        scores.append((own, 1, 400.0, *[None] * 3, 0.1, 0.03, *[None] * 3, 0.5, True,
                       k == 1, best[1]))  # fmt: skip
        scores += [
            (own, n, 400.0 / n, 0.5 - abs(n - k) / 20, 240.0 - 10 * abs(n - k),
             0.6 + abs(n - k) / 20, 0.1 * n, 0.03, 0.9, 0.96 if n == 4 else 0.68,
             9.0 / n, 0.5 / n, True, n == k, best.get(n))
            for n in range(2, 11)
        ]  # fmt: skip
        verdicts.append((own, plan.verdict, SENTENCES[plan.verdict], k, 0.555, 0.443,
                         0.388, 1, 0.68, 0.05, 0.7))  # fmt: skip
        algorithms += [
            (own, name, 5, noise, silhouette, 200.0, 0.7, 0.9, 0.1,
             '{"n_clusters":5}', 200, True, failure)
            for name, silhouette, noise, failure in (
                ("kmeans", 0.5, 0.0, None),
                ("ward", 0.45, 0.0, None),
                ("hdbscan", 0.7, 0.4, None),
                ("optics", None, None, "no cluster was found"),
            )
        ]  # fmt: skip
        differences += [
            (own, name, "Kruskal-Wallis" if name in numbers else "chi-squared", 12.3,
             None if name in plan.features else 2e-8, 0.19, "large",
             name in plan.features)
            for name in (*numbers, *levels, *sample.demographics)
        ]  # fmt: skip
        rules += [
            (own, n, n, f"{plan.features[0]} is at least 41", 0.97, 0.9, 30)
            for n in range(1, k + 1)
        ]
        axes = [
            axis.feature if axis.level is None else f"{axis.feature}={axis.level}"
            for axis in segmentation.coordinates
        ]
        components += [
            (own, number, axis, 0.6 if place == number else -0.2, 1 / len(axes),
             number / len(axes))
            for number in range(1, len(axes) + 1)
            for place, axis in enumerate(axes, 1)
        ]  # fmt: skip
        migrations += _moves(segmentation) if sample.has_previous else []
    n = len(next(iter(sample.customers.values())))
    counts = [
        ("input rows", "", n + 2),
        ("accepted customers", "", n),
        ("rejected rows", "", 2),
        *(("distinct points", plan.name, n - 4) for plan in sample.plans),
    ]
    drift = [
        (name, 0.02, "little" if sample.has_previous else None, 0.1, 0.4, 190, 200,
         40.0, 41.0)
        for name in numbers
    ]  # fmt: skip
    correlations = [(x, y, 0.5, -0.4) for x in numbers for y in numbers]
    reasons = [("age is missing; income is below 0",), ("age is missing",)]
    for name, rows in {
        "fct_cluster_count_scores": scores,
        "fct_segmentation_verdicts": verdicts,
        "fct_algorithm_scores": algorithms,
        "fct_segment_differences": differences,
        "fct_segment_rules": rules,
        "fct_principal_components": components,
        "fct_segment_migrations": migrations,
        "fct_feature_correlation": correlations,
        "fct_feature_drift": drift,
        "fct_input_counts": counts,
        "fct_rejected_customers": reasons,
    }.items():
        _table(connection, name, _COLUMNS[name], rows)


def _moves(segmentation: ModelSegmentation) -> list[tuple[Any, ...]]:
    ends = [(each.segment_id, each.segment_name) for each in segmentation.segments]
    nowhere = (None, None)
    moves = [(end, end, "stayed", 20) for end in ends]
    moves += [
        (nowhere, ends[0], "joined", 5),
        (ends[-1], nowhere, "left", 2),
    ]
    if len(ends) > 1:
        moves.append((ends[0], ends[-1], "moved", 3))
    if segmentation.verdict == "no segments":
        moves.append(((ends[0][0], "Former kind"), ends[0], "renamed", 7))
    return [
        (segmentation.name, *source, *target, movement, n)
        for source, target, movement, n in moves
    ]

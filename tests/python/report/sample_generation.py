"""A small generation with every table the report reads, made without dbt.

Customers are the shipped ones, or generated; the segments are where they are told to
be. Scores, rules and algorithms are made up: the report shows them as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import duckdb
import numpy as np

from mall_segments.publishing.generations import DATABASE, MODEL
from mall_segments.model_file import write_model

SEED = Path(__file__).parents[3] / "seeds" / "Mall_Customers.csv"

BUILD_ID = "20261121T120000.000000Z-0f8e12ab"


@dataclass(frozen=True)
class Segment:
    persona: str
    name: str
    action: str
    centroid: tuple[float, ...]


@dataclass(frozen=True)
class Segmentation:
    name: str
    features: tuple[str, ...]
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Feature:
    name: str
    label: str
    title: str


@dataclass(frozen=True)
class Sample:
    features: tuple[Feature, ...]
    segmentations: tuple[Segmentation, ...]
    customers: str
    has_previous: bool = True


def _segment(persona: str, name: str, *centroid: float) -> Segment:
    return Segment(persona, name, f"Do something good for {persona.lower()}.", centroid)


SHIPPED_CUSTOMERS = f"""
    SELECT
        "CustomerID"::VARCHAR AS customer_id, lower("Gender") AS gender,
        "Age"::DOUBLE AS age_years, "Annual Income (k$)"::DOUBLE AS annual_income_kusd,
        "Spending Score (1-100)"::DOUBLE AS spending_score
    FROM read_csv('{SEED}')
"""

# Every combination of income and score: far more points than are drawn one by one.
MANY_CUSTOMERS = """
    SELECT
        n::VARCHAR AS customer_id, ['female', 'male', 'unknown'][n % 3 + 1] AS gender,
        (18 + n % 53)::DOUBLE AS age_years,
        (15 + n % 123)::DOUBLE AS annual_income_kusd,
        (1 + n // 123 % 99)::DOUBLE AS spending_score
    FROM range(123 * 99 * 2) AS numbers (n)
"""

SHIPPED = Sample(
    features=(
        Feature("age_years", "age", "Age"),
        Feature("annual_income_kusd", "income", "Annual Income (k$)"),
        Feature("spending_score", "spending", "Spending Score (1-100)"),
    ),
    segmentations=(
        Segmentation(
            "income_spending",
            ("annual_income_kusd", "spending_score"),
            (
                _segment("Standard customers", "Average both", 55.30, 49.52),
                _segment("Target customers", "High both", 86.54, 82.13),
                _segment("Careful savers", "High and low", 88.20, 17.11),
                _segment("Budget shoppers", "Low both", 26.30, 20.91),
                _segment("Eager spenders", "Low and high", 25.73, 79.36),
            ),
        ),
        Segmentation(
            "age_income_spending",
            ("age_years", "annual_income_kusd", "spending_score"),
            (
                _segment("Deliberate shoppers", "Older", 51.3, 61.8, 34.2),
                _segment("Young starters", "Young", 25.8, 42.8, 53.6),
                _segment("Target customers", "Rich", 32.9, 87.3, 80.0),
            ),
        ),
    ),
    customers=SHIPPED_CUSTOMERS,
)


def crowded(sample: Sample = SHIPPED) -> Sample:
    """Give the sample more points than are drawn one by one."""
    return replace(sample, customers=MANY_CUSTOMERS)


def first_build(sample: Sample = SHIPPED) -> Sample:
    """Leave out the generation before."""
    return replace(sample, has_previous=False)


def by_one_feature(sample: Sample = SHIPPED) -> Sample:
    """Segment the customers by spending alone."""
    segmentation = Segmentation(
        "spending",
        ("spending_score",),
        (_segment("Rare", "Low", 20.0), _segment("Often", "High", 70.0)),
    )
    return replace(sample, segmentations=(segmentation,))


def many_segments(n_segments: int, sample: Sample = SHIPPED) -> Sample:
    """Put centroids on a circle, more than there are colours and shapes."""
    angles = np.linspace(0, 2 * np.pi, n_segments, endpoint=False)
    segments = tuple(
        _segment(
            f"Persona {number}",
            f"Direction {number}",
            60 + 30 * float(np.cos(angle)),
            50 + 30 * float(np.sin(angle)),
        )
        for number, angle in enumerate(angles, 1)
    )
    original = sample.segmentations[0]
    return replace(sample, segmentations=(replace(original, segments=segments),))


def renamed(
    sample: Sample, *, texts: Sequence[str], labels: Sequence[str] = ()
) -> Sample:
    """Replace what names and advises the segments, and what labels the features."""
    supply = [texts[index % len(texts)] for index in range(1000)]
    segmentations = tuple(
        replace(
            segmentation,
            segments=tuple(
                replace(
                    segment,
                    persona=f"{supply.pop()}",
                    name=f"{supply.pop()}",
                    action=f"{supply.pop()}",
                )
                for segment in segmentation.segments
            ),
        )
        for segmentation in sample.segmentations
    )
    features = tuple(
        replace(feature, label=label, title=label)
        for feature, label in zip(sample.features, labels, strict=True)
    )
    return replace(
        sample, segmentations=segmentations, features=features or sample.features
    )


def write_generation(folder: Path, sample: Sample = SHIPPED) -> Path:
    """Write the database and the model of a generation; the report is not part."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(folder / DATABASE)) as connection:
        _Builder(connection, sample).build(folder / MODEL)
    return folder


class _Builder:
    def __init__(self, connection: duckdb.DuckDBPyConnection, sample: Sample) -> None:
        self.sql = connection
        self.sample = sample
        self.names = [feature.name for feature in sample.features]
        self.scalers: dict[tuple[str, str], tuple[float, float]] = {}

    def build(self, model: Path) -> None:
        self.sql.execute(f"CREATE TEMP TABLE customers AS {self.sample.customers}")
        self._features()
        self._segments()
        self._points()
        self._profiles()
        self._scores()
        self._pairs()
        self._counts()
        self._migrations()
        self._model(model)

    def _segments(self) -> None:
        columns = ", ".join(
            f"centroid_{name} DOUBLE, scaled_centroid_{name} DOUBLE"
            for name in self.names
        )
        self.sql.execute(
            "CREATE TEMP TABLE segments (segmentation VARCHAR, segment_id BIGINT, "
            f"segment_name VARCHAR, persona VARCHAR, recommended_action VARCHAR, "
            f"{columns})"
        )
        for segmentation in self.sample.segmentations:
            for name in segmentation.features:
                self.scalers[segmentation.name, name] = self._one(
                    f"SELECT avg({name}), stddev_pop({name}) FROM customers"
                )
            for segment_id, segment in enumerate(segmentation.segments, 1):
                centroid = dict(
                    zip(segmentation.features, segment.centroid, strict=True)
                )
                values: list[object] = [
                    segmentation.name,
                    segment_id,
                    segment.name,
                    segment.persona,
                    segment.action,
                ]
                for name in self.names:
                    value = centroid.get(name)
                    values += [value, self._scaled(segmentation.name, name, value)]
                marks = ", ".join("?" * len(values))
                self.sql.execute(f"INSERT INTO segments VALUES ({marks})", values)

    def _scaled(self, segmentation: str, name: str, value: float | None) -> object:
        if value is None:
            return None
        center, scale = self.scalers[segmentation, name]
        return (value - center) / scale

    def _points(self) -> None:
        unions = []
        for segmentation in self.sample.segmentations:
            columns = ", ".join(
                name if name in segmentation.features else f"NULL::DOUBLE AS {name}"
                for name in self.names
            )
            unions.append(
                f"SELECT '{segmentation.name}' AS segmentation, {columns}, "
                f"count(*) AS n_customers FROM customers "
                f"GROUP BY {', '.join(segmentation.features)}"
            )
        joins = [
            "SELECT p.segmentation, p.segment_id, p.silhouette, p.is_outlier, "
            "customers.* FROM fct_segment_points AS p JOIN customers ON "
            + " AND ".join(f"p.{name} = customers.{name}" for name in features)
            + f" WHERE p.segmentation = '{segmentation}'"
            for segmentation, features in (
                (part.name, part.features) for part in self.sample.segmentations
            )
        ]
        squares = " + ".join(
            f"coalesce(pow((p.{name} - s.centroid_{name}) / k.{name}, 2), 0)"
            for name in self.names
        )
        scales = ", ".join(f"stddev_pop({name}) AS {name}" for name in self.names)
        self.sql.execute(f"CREATE TEMP TABLE scales AS SELECT {scales} FROM customers")
        self.sql.execute(
            f"""
            CREATE TEMP TABLE points AS
            SELECT *, row_number() OVER (
                PARTITION BY segmentation ORDER BY {", ".join(self.names)}
            ) AS point_id
            FROM ({" UNION ALL ".join(unions)});

            CREATE TEMP TABLE nearest AS
            SELECT p.segmentation, p.point_id, s.segment_id, s.segment_name,
                sqrt({squares}) AS distance,
                row_number() OVER (
                    PARTITION BY p.segmentation, p.point_id ORDER BY {squares}
                ) AS rank
            FROM points AS p
            JOIN segments AS s ON p.segmentation = s.segmentation
            CROSS JOIN scales AS k;

            CREATE TABLE fct_segment_points AS
            SELECT p.segmentation, p.point_id, {", ".join(f"p.{n}" for n in self.names)},
                a.segment_id, a.segment_name, a.distance,
                b.segment_id AS second_segment_id, b.distance AS second_distance,
                0.8 AS membership, 0.7 AS margin,
                (b.distance - a.distance) / greatest(a.distance, b.distance)
                - 0.05 AS silhouette,
                a.distance > 1.2 AS is_outlier, p.n_customers
            FROM points AS p
            JOIN nearest AS a ON p.segmentation = a.segmentation
                AND p.point_id = a.point_id AND a.rank = 1
            JOIN nearest AS b ON p.segmentation = b.segmentation
                AND p.point_id = b.point_id AND b.rank = 2;

            CREATE TEMP TABLE assigned AS {" UNION ALL ".join(joins)};

            CREATE TABLE dim_segments AS
            SELECT *,
                n_customers / sum(n_customers) OVER (PARTITION BY segmentation)
                    AS customer_share
            FROM (
                SELECT s.segmentation, s.segment_id, s.segment_name, s.persona,
                    s.recommended_action, count(*) AS n_customers,
                    count(*) FILTER (is_outlier) AS n_outliers,
                    avg(silhouette) AS mean_silhouette, 0.2 AS inertia_share
                FROM segments AS s JOIN assigned AS a
                    ON s.segmentation = a.segmentation AND s.segment_id = a.segment_id
                GROUP BY ALL
            );
            """  # noqa: E501
        )

    def _profiles(self) -> None:
        values = " UNION ALL ".join(
            f"SELECT segmentation, segment_id, '{name}' AS feature, {name} AS value "
            "FROM assigned"
            for name in self.names
        )
        self.sql.execute(
            f"""
            CREATE TABLE fct_segment_feature_values AS
            SELECT segmentation, segment_id, feature, value, count(*) AS n_customers
            FROM ({values}) GROUP BY ALL;

            CREATE TEMP TABLE overall AS
            SELECT segmentation, feature, avg(value) AS overall_mean,
                stddev_pop(value) AS overall_std
            FROM ({values}) GROUP BY ALL;

            CREATE TABLE fct_segment_profiles AS
            SELECT v.segmentation, v.segment_id, v.feature, count(*) AS n_customers,
                avg(value) AS mean, median(value) AS median, stddev_pop(value) AS std,
                quantile_cont(value, 0.1) AS p10, quantile_cont(value, 0.9) AS p90,
                min(value) AS minimum, max(value) AS maximum,
                any_value(overall_mean) AS overall_mean,
                any_value(overall_std) AS overall_std,
                (avg(value) - any_value(overall_mean)) / any_value(overall_std)
                    AS z_score,
                100 * avg(value) / any_value(overall_mean) AS index_vs_overall
            FROM ({values}) AS v JOIN overall AS o
                ON v.segmentation = o.segmentation AND v.feature = o.feature
            GROUP BY ALL;

            CREATE TABLE fct_segment_demographics AS
            SELECT *,
                n_customers
                / sum(n_customers) OVER (PARTITION BY segmentation, segment_id)
                    AS share_of_segment
            FROM (
                SELECT segmentation, segment_id, gender,
                    CASE WHEN age_years < 25 THEN '18-24'
                        WHEN age_years < 35 THEN '25-34'
                        WHEN age_years < 45 THEN '35-44'
                        WHEN age_years < 55 THEN '45-54'
                        WHEN age_years < 65 THEN '55-64'
                        ELSE '65 and over' END AS age_band,
                    count(*) AS n_customers
                FROM assigned GROUP BY ALL
            );

            CREATE TABLE fct_segment_rules AS
            SELECT segmentation, segment_id, segment_id AS rule_id,
                'spending_score < 30' AS rule_sql,
                'Spending is at least 20 and at most 29' AS rule_text,
                0.96 AS precision, 1 - segment_id / 100 AS coverage,
                n_customers, n_customers - 1 AS n_in_segment, 0.97 AS fidelity
            FROM dim_segments;
            """
        )

    def _scores(self) -> None:
        self.sql.execute(
            """
            CREATE TABLE fct_cluster_count_scores AS
            SELECT segmentation, k AS n_segments, 400 / k + 0.125 AS inertia,
                CASE WHEN k > 1 THEN 0.6 - abs(k - 5) / 20 END AS silhouette,
                CASE WHEN k > 1 THEN 100 + 17.5 * k END AS calinski_harabasz,
                CASE WHEN k > 1 THEN 0.5 + abs(k - 6) / 10 END AS davies_bouldin,
                0.2 + k / 30 AS gap, 0.04 AS gap_standard_error,
                CASE WHEN k > 1 THEN 1 - k / 20 END AS stability_ari,
                1 / k / 2 AS smallest_segment_share, true AS is_exact,
                k = 5 AS is_chosen,
                CASE k
                    WHEN 2 THEN 'stability'
                    WHEN 5 THEN 'elbow, silhouette'
                    WHEN 6 THEN 'davies_bouldin'
                    WHEN 10 THEN 'calinski_harabasz'
                END AS chosen_by
            FROM (SELECT DISTINCT segmentation FROM dim_segments)
            CROSS JOIN range(1, 11) AS counts (k);

            CREATE TABLE fct_algorithm_scores AS
            SELECT segmentation, * FROM (SELECT DISTINCT segmentation FROM dim_segments)
            CROSS JOIN (VALUES
                ('kmeans', 5, 0.0, 0.5547, 248.65, 0.5722, 1.0, 0.31,
                    '{"n_clusters":5}', 200, true, NULL),
                ('hdbscan', 5, 0.16, 0.607, 288.33, 0.4701, 0.8056, 0.0283,
                    '{"min_cluster_size":10,"min_samples":5}', 200, true, NULL),
                ('spectral', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 200, true,
                    'the matrix is <singular>')
            ) AS scores (algorithm, n_clusters, noise_share, silhouette,
                calinski_harabasz, davies_bouldin, ari_to_kmeans, seconds, parameters,
                n_customers, is_exact, failure);
            """
        )
        self.sql.execute(
            "CREATE TABLE fct_principal_components (segmentation VARCHAR, "
            "component BIGINT, feature VARCHAR, loading DOUBLE, "
            "explained_variance DOUBLE, explained_variance_ratio DOUBLE, "
            "cumulative_variance_ratio DOUBLE)"
        )
        for segmentation in self.sample.segmentations:
            columns = ", ".join(segmentation.features)
            values = np.array(
                self.sql.execute(f"SELECT {columns} FROM customers").fetchall()
            )
            scaled = (values - values.mean(axis=0)) / values.std(axis=0)
            variances, vectors = np.linalg.eigh(np.atleast_2d(scaled.T @ scaled))
            order = np.argsort(-variances)
            shares = variances[order] / variances.sum()
            for number, component in enumerate(order):
                for position, name in enumerate(segmentation.features):
                    self.sql.execute(
                        "INSERT INTO fct_principal_components VALUES "
                        "(?, ?, ?, ?, ?, ?, ?)",
                        [
                            segmentation.name,
                            number + 1,
                            name,
                            float(vectors[position, component]),
                            float(variances[component]),
                            float(shares[number]),
                            float(shares[: number + 1].sum()),
                        ],
                    )

    def _features(self) -> None:
        values = " UNION ALL ".join(
            f"SELECT '{name}' AS feature, gender, {name} AS value FROM customers"
            for name in self.names
        )
        pairs = " UNION ALL ".join(
            f"SELECT '{name}' AS feature, '{other}' AS other_feature, "
            f"count(*) AS n_customers, corr({name}, {other}) AS pearson, "
            f"corr({name}, {other}) / 2 AS spearman FROM customers"
            for name in self.names
            for other in self.names
        )
        self.sql.execute(
            f"""
            CREATE TABLE fct_feature_summary AS
            SELECT feature, count(*) AS n_customers, 3 AS n_missing,
                count(DISTINCT value) AS n_distinct, avg(value) AS mean,
                stddev_pop(value) AS std, min(value) AS minimum,
                quantile_cont(value, 0.25) AS p25, median(value) AS median,
                quantile_cont(value, 0.75) AS p75, max(value) AS maximum,
                skewness(value) AS skewness, -1.5 AS lower_fence, 140.0 AS upper_fence,
                2 AS n_outliers
            FROM ({values}) GROUP BY feature;

            CREATE TABLE fct_feature_distribution AS
            SELECT *,
                n_customers / sum(n_customers) OVER (PARTITION BY feature)
                    AS customer_share
            FROM (
                SELECT feature, gender, floor(value / 6) * 6 AS bin_from,
                    floor(value / 6) * 6 + 6 AS bin_to, count(*) AS n_customers
                FROM ({values}) GROUP BY ALL
            );

            CREATE TABLE fct_feature_correlation AS {pairs};

            CREATE TABLE fct_feature_drift AS
            SELECT feature, 0.1234 AS population_stability_index,
                'moderate' AS reading, 0.05 AS ks_statistic, 0.71 AS ks_p_value,
                190 AS previous_n_customers, n_customers AS current_n_customers,
                mean - 1.25 AS previous_mean, mean AS current_mean
            FROM fct_feature_summary;
            """
        )
        if not self.sample.has_previous:
            self.sql.execute(
                "UPDATE fct_feature_drift SET population_stability_index = NULL, "
                "reading = NULL, ks_statistic = NULL, ks_p_value = NULL, "
                "previous_n_customers = NULL, previous_mean = NULL"
            )

    def _pairs(self) -> None:
        pairs = " UNION ALL ".join(
            f"SELECT segmentation, segment_id, gender, '{name}' AS feature, "
            f"'{other}' AS other_feature, floor({name} / 6) * 6 AS bin_from, "
            f"floor({name} / 6) * 6 + 6 AS bin_to, "
            f"floor({other} / 6) * 6 AS other_bin_from, "
            f"floor({other} / 6) * 6 + 6 AS other_bin_to, count(*) AS n_customers "
            "FROM assigned GROUP BY ALL"
            for name, other in combinations(self.names, 2)
        )
        self.sql.execute(f"CREATE TABLE fct_feature_pairs AS {pairs}")

    def _counts(self) -> None:
        self.sql.execute(
            """
            CREATE TABLE fct_rejected_customers (
                source_row BIGINT, customer_id VARCHAR, rejection_reasons VARCHAR
            );
            INSERT INTO fct_rejected_customers VALUES
                (3, '3', 'age_years: below 1'),
                (4, NULL, 'customer_id: missing; age_years: below 1'),
                (9, '9', 'spending_score: above 100');

            CREATE TABLE fct_input_counts AS
            WITH accepted AS (SELECT count(*) AS n FROM customers)
            SELECT 'accepted customers' AS measure, '' AS subject, n FROM accepted
            UNION ALL SELECT 'input rows', '', n + 3 FROM accepted
            UNION ALL SELECT 'rejected rows', '', 3
            UNION ALL SELECT 'imputed customers', '', 2
            UNION ALL SELECT 'distinct values', feature, n_distinct
            FROM fct_feature_summary
            UNION ALL SELECT 'distinct points', segmentation, count(*)
            FROM fct_segment_points GROUP BY segmentation;
            """
        )

    def _migrations(self) -> None:
        self.sql.execute(
            f"""
            CREATE TABLE fct_segment_migrations AS
            SELECT segmentation, segment_id AS from_segment_id,
                segment_name AS from_segment_name, segment_id AS to_segment_id,
                segment_name AS to_segment_name, 'stayed' AS movement,
                n_customers - 3 AS n_customers
            FROM dim_segments
            UNION ALL
            SELECT segmentation, 2, 'Left behind', 1, 'Next', 'moved', 4
            FROM dim_segments WHERE segment_id = 1
            UNION ALL
            SELECT segmentation, NULL, NULL, 1, 'Next', 'joined', 7
            FROM dim_segments WHERE segment_id = 1
            UNION ALL
            SELECT segmentation, 9, 'Retired', NULL, NULL, 'left', 5
            FROM dim_segments WHERE segment_id = 1;
            ALTER TABLE fct_segment_migrations
                ADD COLUMN previous_build_id VARCHAR DEFAULT 'previous';
            DELETE FROM fct_segment_migrations WHERE NOT {self.sample.has_previous};
            """
        )

    def _model(self, path: Path) -> None:
        write_model(
            path,
            {
                "format": 1,
                "build_id": BUILD_ID,
                "created_at": "2026-11-21T12:00:00+00:00",
                "features": [
                    {
                        "name": feature.name,
                        "label": feature.label,
                        "aliases": [feature.title],
                        "minimum": 0.0,
                        "maximum": 1000.0,
                        "resolution": 1.0,
                        "is_whole": False,
                        "median": 40.0,
                    }
                    for feature in self.sample.features
                ],
                "customer_id": {"aliases": ["CustomerID"]},
                "gender": {"aliases": ["Gender"], "female": ["f"], "male": ["m"]},
                "missing_values": "impute",
                "segmentations": [
                    self._segmentation(segmentation)
                    for segmentation in self.sample.segmentations
                ],
            },
        )

    def _segmentation(self, segmentation: Segmentation) -> dict[str, object]:
        rows = self.sql.execute(
            "SELECT segment_id, n_customers, customer_share, mean_silhouette "
            "FROM dim_segments WHERE segmentation = ? ORDER BY segment_id",
            [segmentation.name],
        ).fetchall()
        return {
            "name": segmentation.name,
            "scaler": "standard",
            "random_seed": 42,
            "n_segments": len(rows),
            "retired_segment_ids": [],
            "features": [
                {
                    "name": name,
                    "center": self.scalers[segmentation.name, name][0],
                    "scale": self.scalers[segmentation.name, name][1],
                }
                for name in segmentation.features
            ],
            "segments": [
                {
                    "segment_id": segment_id,
                    "segment_name": segment.name,
                    "persona": segment.persona,
                    "recommended_action": segment.action,
                    "n_customers": n_customers,
                    "customer_share": customer_share,
                    "mean_silhouette": mean_silhouette,
                    "inertia_share": 0.2,
                    "outlier_distance": 1.2,
                    "centroid": dict(
                        zip(segmentation.features, segment.centroid, strict=True)
                    ),
                    "scaled_centroid": {
                        name: self._scaled(segmentation.name, name, value)
                        for name, value in zip(
                            segmentation.features, segment.centroid, strict=True
                        )
                    },
                }
                for (
                    segment_id,
                    n_customers,
                    customer_share,
                    mean_silhouette,
                ), segment in zip(rows, segmentation.segments, strict=True)
            ],
        }

    def _one(self, query: str) -> tuple[float, float]:
        row = self.sql.execute(query).fetchone()
        assert row is not None
        return float(row[0]), float(row[1])

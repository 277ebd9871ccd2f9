"""The data sets of the dashboard: queries over published tables, by their labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mall_segments.bi.superset_charts import identity
from mall_segments.publishing.tables import quote_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mall_segments.model import Model

_POSTGRES_TYPES: Final = {"DOUBLE": "DOUBLE PRECISION", "VARCHAR": "TEXT"}
# Segments of which nothing was fitted have no silhouette.
_MEAN_SILHOUETTE: Final = (
    "sum(n_customers * mean_silhouette) / nullif(sum(case when mean_silhouette is null "
    "then 0 else n_customers end), 0)"
)
_METRICS: Final = {
    "customers": ("Customers", "sum(n_customers)", ",d"),
    # Superset makes marks of two customers several times as large as those of one.
    "mark": ("Mark", "max(1)", ",d"),
    "segments": ("Segments", "count(distinct segment)", ",d"),
    "mean_silhouette": ("Mean silhouette", _MEAN_SILHOUETTE, ".2f"),
    "silhouette": ("Silhouette", "max(silhouette)", ".2f"),
    "stability": ("Stability", "max(stability_ari)", ".2f"),
    "agreement": ("Agreement with the segments", "max(ari_to_kmeans)", ".2f"),
    "difference": ("Standard deviations from the average", "avg(z_score)", "+.1f"),
    "n": ("Rows", "sum(n)", ",d"),
    "rows": ("Rows", "count(*)", ",d"),
}
_NOT_GROUPS: Final = {"segmentation", "segment_id", "n_customers", "share_of_segment"}


@dataclass(frozen=True)
class Dataset:
    """A query over one table, with names of segments where ``has_segments``."""

    name: str
    about: str
    table: str
    columns: Sequence[str]
    metrics: Sequence[str]
    has_segments: bool = True


class Names:
    """What columns and segments are called where people read them."""

    def __init__(self, model: Model) -> None:
        self.model = model
        plain = {
            column.name: capital(
                f"{column.label} ({column.unit})"
                if column.unit and column.unit != column.label
                else column.label
            )
            for column in model.columns
        }
        times = Counter(plain.values())
        self.labels = {
            name: label if times[label] == 1 else f"{label} [{name}]"
            for name, label in plain.items()
        }
        self.numbers = [each.name for each in model.columns if each.type == "number"]
        # Names sort as text, so numbers of several digits all need as many.
        self.digits = max(
            len(str(segment.segment_id))
            for segmentation in model.segmentations
            for segment in segmentation.segments
        )

    def label(self, column: str) -> str:
        """Say what a column is called."""
        if column.startswith("mean_") and column[5:] in self.labels:
            return self.labels[column[5:]]
        words = column.removeprefix("n_").replace("_", " ")
        return self.labels.get(column, capital(words))

    def told(self, column: str) -> str:
        """Write SQL that says the label of a feature instead of its name."""
        whens = " ".join(
            f"when {quote_text(name)} then {quote_text(label)}"
            for name, label in self.labels.items()
        )
        return f"case facts.{column} {whens} else facts.{column} end as {column}"

    def segment(self) -> str:
        """Write SQL that says a segment by its number and persona."""
        number = f"lpad(cast(segments.segment_id as varchar), {self.digits}, '0')"
        return f"concat({number}, ' ', segments.persona) as segment"


class Datasets:
    """The data sets for the tables of one generation, in one schema."""

    def __init__(
        self, names: Names, columns: Mapping[str, list[str]], schema: str
    ) -> None:
        self.names, self.columns, self.schema = names, columns, schema
        self.demographics = [
            name
            for name in columns["fct_segment_demographics"]
            if name not in _NOT_GROUPS
        ]
        # Not those about how a customer's values came about.
        self.described = [
            name
            for name in columns["dim_customers"]
            if name != "customer_id" and not name.startswith("is_")
        ]

    def all(self) -> list[Dataset]:
        """List every data set."""
        feature = self.names.told("feature")
        changes = [
            f"coalesce(facts.{side}_segment_name, '{nobody}') as {side}_segment"
            for side, nobody in (("from", "not a customer"), ("to", "left"))
        ]
        distribution = [
            feature if name == "feature" else name
            for name in self.columns["fct_feature_distribution"]
        ]
        return [*self._of_segments(feature), *_of_segmentations(changes, distribution)]

    def _of_segments(self, feature: str) -> list[Dataset]:
        return [
            Dataset(
                "segments",
                "One row per segmentation and segment.",
                "dim_segments",
                ["segment_name", "recommended_action", "n_customers", "customer_share",
                 "mean_silhouette"],
                ["customers", "segments", "mean_silhouette"],
            ),
            Dataset(
                "customers",
                "One row per segmentation and customer.",
                "fct_customer_segments",
                ["customer_id", *(f"customers.{name}" for name in self.described),
                 "distance", "membership", "is_outlier", "is_imputed",
                 self.names.told("main_reason"), "holdout_bucket"],
                ["rows"],
            ),
            Dataset(
                "points",
                "One row per segmentation and point.",
                "fct_segment_points",
                ["cast(facts.point_id as varchar) as point", *self.names.numbers,
                 "n_customers"],
                ["customers", "mark", *(f"mean_{name}" for name in self.names.numbers)],
            ),
            Dataset(
                "profiles",
                "One row per segmentation, segment and number.",
                "fct_segment_profiles",
                [feature, "mean", "overall_mean", "z_score"],
                ["difference"],
            ),
            Dataset(
                "categories",
                "One row per segment, category and level.",
                "fct_segment_categories",
                [feature, "level", "n_customers"],
                ["customers"],
            ),
            Dataset(
                "demographics",
                "One row per segment and group of customers.",
                "fct_segment_demographics",
                [*self.demographics, "n_customers"],
                ["customers"],
            ),
            Dataset(
                "rules",
                "One row per rule.",
                "fct_segment_rules",
                ["rule_text", "precision", "coverage", "n_customers"],
                ["rows"],
            ),
        ]  # fmt: skip

    def sql(self, dataset: Dataset, schema: str) -> str:
        """Write the query of a data set."""
        columns = [
            column if "." in column else f"facts.{column}" for column in dataset.columns
        ]
        joins = f"from {schema}.{dataset.table} as facts"
        if dataset.has_segments:
            columns[:0] = [
                "facts.segmentation",
                self.names.segment(),
                "segments.persona",
            ]
            joins += (
                f"\ninner join {schema}.dim_segments as segments\n"
                "on facts.segmentation = segments.segmentation "
                "and facts.segment_id = segments.segment_id"
            )
        if dataset.name == "customers":
            joins += (
                f"\ninner join {schema}.dim_customers as customers\n"
                "on facts.customer_id = customers.customer_id"
            )
        return f"select {', '.join(columns)}\n{joins}"

    def exported(
        self, dataset: Dataset, kind: str, database: str, connection: Any
    ) -> dict[str, Any]:
        """Write a data set as Superset exports it, with the types of its columns."""
        described = connection.execute(
            f"describe {self.sql(dataset, 'main')}"
        ).fetchall()
        types = {} if kind == "duckdb" else _POSTGRES_TYPES
        content = {
            "schema": self.schema,
            "description": dataset.about,
            "sql": self.sql(dataset, self.schema),
            "main_dttm_col": None,
            "filter_select_enabled": True,
            "metrics": [self._metric(name) for name in dataset.metrics],
            "columns": [
                {
                    "column_name": name,
                    "verbose_name": self.names.label(name),
                    "type": types.get(type_, type_),
                    "is_dttm": False,
                    "is_active": True,
                    "groupby": True,
                    "filterable": True,
                }
                for name, type_, *_ in described
            ],
            "database_uuid": database,
            "version": "1.0.0",
        }
        uuid = identity([dataset.name, content])
        # Superset may allow a name once, so it changes with what it stands for.
        return {"table_name": f"{dataset.name} {uuid[:8]}", **content, "uuid": uuid}

    def _metric(self, name: str) -> dict[str, Any]:
        mean = (self.names.label(name), f"avg({name.removeprefix('mean_')})", None)
        label, expression, form = _METRICS.get(name, mean)
        return {
            "metric_name": name,
            "verbose_name": label,
            "expression": expression,
            "d3format": form,
        }


def _of_segmentations(changes: list[str], distribution: list[str]) -> list[Dataset]:
    return [
        Dataset(
            "verdicts",
            "One row per segmentation.",
            "fct_segmentation_verdicts",
            ["segmentation", "verdict", "sentence"],
            ["rows"],
            has_segments=False,
        ),
        Dataset(
            "counts",
            "One row per number of segments that was tried.",
            "fct_cluster_count_scores",
            ["segmentation", "n_segments", "silhouette", "stability_ari"],
            ["silhouette", "stability"],
            has_segments=False,
        ),
        Dataset(
            "algorithms",
            "One row per segmentation and algorithm.",
            "fct_algorithm_scores",
            ["segmentation", "algorithm", "ari_to_kmeans"],
            ["agreement"],
            has_segments=False,
        ),
        Dataset(
            "changes",
            "One row per change since the build before.",
            "fct_segment_migrations",
            ["segmentation", "movement", *changes, "n_customers"],
            ["customers"],
            has_segments=False,
        ),
        Dataset(
            "input_counts",
            "One row per count of the input.",
            "fct_input_counts",
            ["measure", "subject", "n"],
            ["n"],
            has_segments=False,
        ),
        Dataset(
            "distribution",
            "One row per feature, bin and group.",
            "fct_feature_distribution",
            distribution,
            ["customers"],
            has_segments=False,
        ),
    ]


def capital(text: str) -> str:
    """Begin a text with a capital letter."""
    return text[:1].upper() + text[1:]

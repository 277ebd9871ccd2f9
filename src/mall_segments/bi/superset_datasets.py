"""The data sets of the dashboard: queries over published tables, by their labels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mall_segments.bi.superset_charts import identity
from mall_segments.model import Model
from mall_segments.publishing.tables import quote_text

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
_OF_FEATURES: Final = ("feature", "main_reason")


@dataclass(frozen=True)
class Dataset:
    """A query over one table: its columns, or SQL for them, and its metrics."""

    name: str
    table: str
    columns: Sequence[str]
    metrics: Sequence[str]


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
        changes = [
            f"coalesce(facts.{side}_segment_name, '{nobody}') as {side}_segment"
            for side, nobody in (("from", "not a customer"), ("to", "left"))
        ]
        described = [f"customers.{name}" for name in self.described]
        numbers = self.names.numbers
        means = [f"mean_{name}" for name in numbers]
        distribution = self.columns["fct_feature_distribution"]
        return [
            Dataset("segments", "dim_segments",
                    ["segment_name", "recommended_action", "n_customers",
                     "customer_share", "mean_silhouette"],
                    ["customers", "segments", "mean_silhouette"]),
            Dataset("customers", "fct_customer_segments",
                    ["customer_id", *described, "distance", "membership", "is_outlier",
                     "is_imputed", "main_reason", "holdout_bucket"],
                    ["rows"]),
            Dataset("points", "fct_segment_points",
                    ["cast(facts.point_id as varchar) as point", *numbers,
                     "n_customers"],
                    ["customers", "mark", *means]),
            Dataset("profiles", "fct_segment_profiles",
                    ["feature", "mean", "overall_mean", "z_score"], ["difference"]),
            Dataset("categories", "fct_segment_categories",
                    ["feature", "level", "n_customers"], ["customers"]),
            Dataset("demographics", "fct_segment_demographics",
                    [*self.demographics, "n_customers"], ["customers"]),
            Dataset("rules", "fct_segment_rules",
                    ["rule_text", "precision", "coverage", "n_customers"], ["rows"]),
            Dataset("verdicts", "fct_segmentation_verdicts",
                    ["verdict", "sentence"], ["rows"]),
            Dataset("counts", "fct_cluster_count_scores",
                    ["n_segments", "silhouette", "stability_ari"],
                    ["silhouette", "stability"]),
            Dataset("algorithms", "fct_algorithm_scores",
                    ["algorithm", "ari_to_kmeans"], ["agreement"]),
            Dataset("changes", "fct_segment_migrations",
                    ["movement", *changes, "n_customers"], ["customers"]),
            Dataset("input_counts", "fct_input_counts",
                    ["measure", "subject", "n"], ["n"]),
            Dataset("distribution", "fct_feature_distribution",
                    distribution, ["customers"]),
        ]  # fmt: skip

    def sql(self, dataset: Dataset, schema: str) -> str:
        """Write the query of a data set, with names of segments where it has them."""
        there = self.columns[dataset.table]
        columns = [
            self.names.told(column)
            if column in _OF_FEATURES
            else column
            if "." in column
            else f"facts.{column}"
            for column in dataset.columns
        ]
        joins = f"from {schema}.{dataset.table} as facts"
        if "segment_id" in there:
            columns[:0] = [self.names.segment(), "segments.persona"]
            joins += (
                f"\ninner join {schema}.dim_segments as segments\n"
                "on facts.segmentation = segments.segmentation "
                "and facts.segment_id = segments.segment_id"
            )
        if "segmentation" in there:
            columns[:0] = ["facts.segmentation"]
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
        ((about,),) = connection.execute(
            "select comment from duckdb_tables() where table_name = $1 union all "
            "select comment from duckdb_views() where view_name = $1",
            [dataset.table],
        ).fetchall()
        types = {} if kind == "duckdb" else _POSTGRES_TYPES
        content = {
            "schema": self.schema,
            "description": about,
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


def capital(text: str) -> str:
    """Begin a text with a capital letter."""
    return text[:1].upper() + text[1:]

"""A dashboard of the published tables, packed for import into a Superset.

It is generated from the model and the tables, so it fits any features: a tab for each
segmentation, with the report's colours, and one for the customer file.
"""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import duckdb
import yaml

from mall_segments.bi.superset_charts import (
    Chart,
    bars,
    differences,
    identity,
    lines,
    number,
    only,
    places,
    table,
)
from mall_segments.bi.superset_datasets import Datasets, Names, capital
from mall_segments.errors import InputError
from mall_segments.model import ModelSegmentation, load_model
from mall_segments.publishing.generations import DATABASE, MODEL, Generation

ROOT: Final = "mall_segments_dashboard"
TITLE: Final = "Customer segments"

_MASK: Final = "XXXXXXXXXX"  # For which Superset asks when the bundle is imported.
_COLOUR: Final = re.compile(r"--c(\d): (?:light-dark\()?(#\w{6})")
# The earliest a zip file can hold, so that the same bundle gives the same bytes.
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_FEW: Final = 10


def write_bundle(
    target: Path, generation: Generation, *, uri: str, schema: str | None = None
) -> int:
    """Pack a dashboard, its charts, data sets and connection; return how many charts.

    The address is where Superset finds the tables: the published DuckDB file as
    Superset's machine sees it, or the Postgres database that they were pushed into. A
    password in it is left out; Superset asks for it.
    """
    kind = _kind(uri)
    chosen = schema or {"duckdb": "main", "postgresql": "mall_segments"}[kind]
    with duckdb.connect(str(generation.file(DATABASE)), read_only=True) as connection:
        dashboard = _Dashboard(connection, generation, chosen)
        parts = dict(dashboard.parts(kind, uri))
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, content in parts.items():
                text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
                bundle.writestr(zipfile.ZipInfo(f"{ROOT}/{name}.yaml", _EPOCH), text)
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}") from None
    return sum(name.startswith("charts/") for name in parts)


class _Dashboard:
    """What a dashboard of one generation consists of."""

    def __init__(self, connection: Any, generation: Generation, schema: str) -> None:
        self.connection = connection
        self.model = load_model(generation.file(MODEL))
        tables: dict[str, Any] = generation.manifest["tables"]
        self.columns = {
            name: [column["name"] for column in listed["columns"]]
            for name, listed in tables.items()
        }
        self.names = Names(self.model)
        self.datasets = Datasets(self.names, self.columns, schema)

    def parts(self, kind: str, uri: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the files of the bundle, without their suffix."""
        tabs = {
            segmentation.name: self._rows(segmentation)
            for segmentation in self.model.segmentations
        }
        tabs["customer file"] = self._file_rows()
        yield (
            "metadata",
            {
                "version": "1.0.0",
                "type": "Dashboard",
                "timestamp": self.model.created_at,
            },
        )
        database = _database(kind, uri)
        yield "databases/mall_segments", database
        uuids: dict[str, str] = {}
        for dataset in self.datasets.all():
            exported = self.datasets.exported(
                dataset, kind, database["uuid"], self.connection
            )
            uuids[dataset.name] = exported["uuid"]
            yield f"datasets/mall_segments/{dataset.name}", exported
        for tab, rows in tabs.items():
            for row in rows:
                for chart in row:
                    yield (
                        f"charts/{_slug(tab)}_{_slug(chart.title)}",
                        chart.exported(uuids[chart.dataset]),
                    )
        yield "dashboards/mall_segments", self._exported_dashboard(tabs, uuids)

    def _rows(self, segmentation: ModelSegmentation) -> list[list[Chart]]:
        unsure = " (no segments)" if segmentation.verdict == "no segments" else ""
        rows = [
            [
                table("Verdict", "verdicts", ["verdict", "sentence"], 6, height=24),
                number("Customers", "segments", "customers", ",d"),
                number(f"Segments{unsure}", "segments", "segments", ",d"),
                number("Mean silhouette", "segments", "mean_silhouette", ".2f",
                       subtitle="-1 misplaced, 1 well separated"),
            ],
            [
                bars("Customers by segment", "segments", "segment", "customers", ",d",
                     4),
                table("What to do with each segment", "segments",
                      ["segment", "segment_name", "n_customers", "customer_share",
                       "recommended_action"], 8,
                      formats={"customer_share": ".1%"}, order=[("segment", True)]),
            ],
            self._pictures(segmentation),
            self._shares(),
            [
                table("Segments in rules", "rules",
                      ["segment", "rule_text", "n_customers", "precision", "coverage"],
                      12, order=[("segment", True), ("coverage", False)],
                      formats={"precision": ".0%", "coverage": ".0%"}),
            ],
            [
                lines("Why this many segments", "counts", "n_segments",
                      ["silhouette", "stability"], 6, x_title="Number of segments"),
                bars("Do other algorithms agree", "algorithms", "algorithm",
                     "agreement", ".2f", 6),
            ],
            [
                table("Customers of each segment", "customers",
                      ["customer_id", "segment", *self.datasets.described,
                       "main_reason", "membership", "is_outlier"],
                      12, search=True, order=[("membership", False)],
                      formats={"membership": ".0%"}),
            ],
        ]  # fmt: skip
        (changes,) = self.connection.execute(
            "select count(*) from fct_segment_migrations where segmentation = ?",
            [segmentation.name],
        ).fetchone()
        if changes:
            rows.append([
                table("Changes since the last build", "changes",
                      ["movement", "from_segment", "to_segment", "n_customers"], 12,
                      order=[("movement", True), ("n_customers", False)]),
            ])  # fmt: skip
        where = {"segmentation": segmentation.name}
        return [
            [replace(chart, where=where | chart.where) for chart in row]
            for row in rows
            if row
        ]

    def _pictures(self, segmentation: ModelSegmentation) -> list[Chart]:
        numbers = [
            name
            for name in segmentation.features
            if self.model.column(name).type == "number"
        ]
        has_plane = len(numbers) >= 2  # noqa: PLR2004 - a plane has two axes
        compared = differences(
            "How segments differ from all customers",
            "profiles",
            "difference",
            6 if has_plane else 12,
            about="In standard deviations of all customers.",
        )
        if not has_plane:
            return [compared]
        x, y = numbers[:2]
        (largest,) = self.connection.execute(
            "select max(n_customers) from fct_segment_points"
        ).fetchone()
        return [
            places(
                f"{self.names.labels[x]} and {self.names.labels[y]}",
                "points",
                (f"mean_{x}", self.names.labels[x]),
                (f"mean_{y}", self.names.labels[y]),
                size="mark" if largest < _FEW else "customers",
            ),
            compared,
        ]

    def _shares(self) -> list[Chart]:
        names = self.datasets.demographics[:2]
        charts = [
            bars(f"{self.names.label(name)} by segment", "demographics", "segment",
                 "customers", ".0%", 12 // len(names), by=name, shares=True)
            for name in names
        ]  # fmt: skip
        if charts:
            return charts
        categories = [each for each in self.model.columns if each.type == "category"]
        return [
            bars(f"{self.names.labels[each.name]} by segment", "categories", "segment",
                 "customers", ".0%", 12 // len(categories[:2]), by="level",
                 shares=True, where={"feature": self.names.labels[each.name]})
            for each in categories[:2]
        ]  # fmt: skip

    def _file_rows(self) -> list[list[Chart]]:
        measures = ("input rows", "accepted customers", "rejected rows",
                    "imputed customers")  # fmt: skip
        found = {
            measure
            for (measure,) in self.connection.execute(
                "select distinct measure from fct_input_counts"
            ).fetchall()
        }
        counts = [
            number(capital(measure), "input_counts", "n", ",d",
                   where={"measure": measure})
            for measure in measures if measure in found
        ]  # fmt: skip
        # The grouping column of the distribution, where there is a gender.
        groups = set(self.columns["fct_feature_distribution"]) - {
            *("feature", "bin_from", "bin_to", "n_customers", "customer_share")
        }
        histograms = [
            bars(label, "distribution", "bin_from", "customers", ",d", 4, upright=True,
                 where={"feature": label}, x_title=f"{label}, from",
                 by=next(iter(groups), None))
            for name, label in self.names.labels.items()
            if self.model.column(name).type == "number"
        ]  # fmt: skip
        rows = [histograms[start : start + 3] for start in range(0, len(histograms), 3)]
        return [counts, *rows]

    def _exported_dashboard(
        self, tabs: dict[str, list[list[Chart]]], uuids: dict[str, str]
    ) -> dict[str, Any]:
        position: dict[str, Any] = {
            "DASHBOARD_VERSION_KEY": "v2",
            "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": TITLE}},
        }
        _place(position, "ROOT", "ROOT_ID", [], ["GRID_ID"])
        _place(position, "GRID", "GRID_ID", ["ROOT_ID"], ["TABS-1"])
        keys = {tab: f"TAB-{n}" for n, tab in enumerate(tabs, 1)}
        parents = ["ROOT_ID", "GRID_ID"]
        _place(position, "TABS", "TABS-1", parents, list(keys.values()))
        numbers = count(1)
        for tab, rows in tabs.items():
            key = keys[tab]
            row_keys = [f"ROW-{key}-{n}" for n in range(len(rows))]
            _place(position, "TAB", key, [*parents, "TABS-1"], row_keys,
                   text=capital(tab.replace("_", " ")))  # fmt: skip
            for row_key, row in zip(row_keys, rows, strict=True):
                above = [*parents, "TABS-1", key]
                charts = [(next(numbers), chart) for chart in row]
                _place(position, "ROW", row_key, above,
                       [f"CHART-{n}" for n, _ in charts],
                       background="BACKGROUND_TRANSPARENT")  # fmt: skip
                for n, chart in charts:
                    _place(position, "CHART", f"CHART-{n}", [*above, row_key], [],
                           chartId=n, sliceName=chart.title,
                           uuid=chart.exported(uuids[chart.dataset])["uuid"],
                           width=chart.width, height=chart.height)  # fmt: skip
        return {
            "dashboard_title": TITLE,
            "description": "Who the customers are, how sure the segments are, and what "
            "changed.",
            "css": "",
            "slug": "mall-segments",
            "published": True,
            "uuid": identity("dashboard"),
            "position": position,
            "metadata": {
                "color_scheme": "",
                "label_colors": self._colours(),
                "refresh_frequency": 0,
                "cross_filters_enabled": True,
                "native_filter_configuration": [
                    _persona_filter(
                        segmentation.name, keys[segmentation.name], uuids["segments"]
                    )
                    for segmentation in self.model.segmentations
                ],
            },
            "version": "1.0.0",
        }

    def _colours(self) -> dict[str, str]:
        """Give segments the colours that they have in the report."""
        styles = files("mall_segments") / "report" / "assets" / "colours.css"
        # Of two colours the light page's comes first.
        colours = dict(_COLOUR.findall(styles.read_text(encoding="utf-8")))
        return {
            f"{segment.segment_id:0{self.names.digits}} {segment.persona}": colours[
                str((segment.segment_id - 1) % len(colours) + 1)
            ]
            for segmentation in self.model.segmentations
            for segment in segmentation.segments
        }


def _persona_filter(segmentation: str, tab: str, dataset: str) -> dict[str, Any]:
    return {
        "id": f"NATIVE_FILTER-{segmentation}",
        "name": "Persona",
        "type": "NATIVE_FILTER",
        "filterType": "filter_select",
        "description": "",
        "targets": [{"column": {"name": "persona"}, "datasetUuid": dataset}],
        "adhoc_filters": [only("segmentation", segmentation)],
        "controlValues": {
            "multiSelect": True,
            "enableEmptyFilter": False,
            "sortAscending": True,
            "searchAllOptions": False,
            "inverseSelection": False,
        },
        "defaultDataMask": {"extraFormData": {}, "filterState": {}},
        "cascadeParentIds": [],
        "scope": {"rootPath": [tab], "excluded": []},
    }


def _database(kind: str, uri: str) -> dict[str, Any]:
    parts = urlsplit(uri)
    password = parts.password
    # Superset allows a name once, so a connection is known by it.
    name = f"Mall segments, {parts.hostname or ''}{parts.path}"
    extra: dict[str, Any] = {"allows_virtual_table_explore": True}
    if kind == "duckdb":
        extra["engine_params"] = {"connect_args": {"read_only": True}}
    return {
        "database_name": name,
        "sqlalchemy_uri": uri.replace(f":{password}@", f":{_MASK}@", 1)
        if password
        else uri,
        "cache_timeout": 60,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_csv_upload": False,
        "extra": extra,
        "uuid": identity(name),
        "version": "1.0.0",
    }


def _kind(uri: str) -> str:
    dialect = uri.partition("://")[0].partition("+")[0]
    if dialect == "duckdb" and uri.startswith("duckdb:////") and "?" not in uri:
        return dialect
    if dialect == "postgresql" and "@" not in urlsplit(uri).path:
        return dialect
    raise InputError(
        "the address must be duckdb:////absolute/path/mall_segments.duckdb, as "
        "Superset's machine has it, or postgresql://user@host:port/database"
    )


def _place(
    position: dict[str, Any],
    kind: str,
    key: str,
    parents: list[str],
    children: list[str],
    **meta: Any,
) -> None:
    position[key] = {
        "type": kind,
        "id": key,
        "parents": parents,
        "children": children,
        "meta": meta,
    }


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", text.casefold()).strip("_")

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
    histogram,
    identity,
    lines,
    number,
    only,
    places,
    shares,
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
_MEASURES: Final = (
    "input rows",
    "accepted customers",
    "rejected rows",
    "imputed customers",
)


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
        by_segment = [("segment", True)]
        rows = [
            [
                table("Verdict", "verdicts", {"verdict": None, "sentence": None}, 6,
                      height=24),
                number("Customers", "segments", "customers", ",d"),
                number(f"Segments{unsure}", "segments", "segments", ",d"),
                number("Mean silhouette", "segments", "mean_silhouette", ".2f",
                       subtitle="-1 misplaced, 1 well separated"),
            ],
            [
                bars("Customers by segment", "segments", "segment", "customers", 4),
                table("What to do with each segment", "segments",
                      {"segment": None, "segment_name": None, "n_customers": None,
                       "customer_share": ".1%", "recommended_action": None}, 8,
                      by_segment),
            ],
            self._pictures(segmentation),
            self._shares(),
            [
                table("Segments in rules", "rules",
                      {"segment": None, "rule_text": None, "n_customers": None,
                       "precision": ".0%", "coverage": ".0%"}, 12,
                      [*by_segment, ("coverage", False)]),
            ],
            [
                lines("Why this many segments", "counts", "n_segments",
                      ["silhouette", "stability"], 6),
                bars("Do other algorithms agree", "algorithms", "algorithm",
                     "agreement", 6),
            ],
            [
                table("Customers of each segment", "customers",
                      {"customer_id": None, "segment": None,
                       **dict.fromkeys(self.datasets.described), "main_reason": None,
                       "membership": ".0%", "is_outlier": None}, 12,
                      [("membership", False)], search=True),
            ],
        ]  # fmt: skip
        if self._value(
            "select count(*) from fct_segment_migrations where segmentation = ?",
            segmentation.name,
        ):
            columns = ("movement", "from_segment", "to_segment", "n_customers")
            order = [("movement", True), ("n_customers", False)]
            title = "Changes since the last build"
            rows.append([table(title, "changes", dict.fromkeys(columns), 12, order)])
        where = {"segmentation": segmentation.name}
        return [
            [replace(chart, where=where | chart.where) for chart in row]
            for row in rows
            if row
        ]

    def _value(self, query: str, *values: str) -> Any:
        ((value,),) = self.connection.execute(query, list(values)).fetchall()
        return value

    def _pictures(self, segmentation: ModelSegmentation) -> list[Chart]:
        title = "How segments differ from all customers"
        numbers = [
            name
            for name in segmentation.features
            if self.model.column(name).type == "number"
        ]
        if len(numbers) < 2:  # noqa: PLR2004 - a plane has two axes
            return [differences(title, "profiles", "difference", 12)]
        (x, x_label), (y, y_label) = (
            (f"mean_{name}", self.names.labels[name]) for name in numbers[:2]
        )
        largest = self._value("select max(n_customers) from fct_segment_points")
        size = "mark" if largest < _FEW else "customers"
        return [
            places(f"{x_label} and {y_label}", "points", (x, x_label), (y, y_label),
                   size),
            differences(title, "profiles", "difference", 6),
        ]  # fmt: skip

    def _shares(self) -> list[Chart]:
        """Show two groups of customers by segment, or else two categories."""
        named: list[tuple[str, str, str, dict[str, str]]] = [
            (self.names.label(name), "demographics", name, {})
            for name in self.datasets.demographics
        ] or [
            (self.names.labels[each.name], "categories", "level",
             {"feature": self.names.labels[each.name]})
            for each in self.model.columns if each.type == "category"
        ]  # fmt: skip
        return [
            replace(
                shares(f"{label} by segment", dataset, by, 12 // len(named[:2])),
                where=where,
            )
            for label, dataset, by, where in named[:2]
        ]

    def _file_rows(self) -> list[list[Chart]]:
        found = self.connection.execute(
            "select distinct measure from fct_input_counts"
        ).fetchall()
        counts = [
            replace(
                number(capital(measure), "input_counts", "n", ",d"),
                where={"measure": measure},
            )
            for measure in _MEASURES
            if (measure,) in found
        ]
        is_grouped = "gender" in self.columns["fct_feature_distribution"]
        histograms = [
            histogram(label, "distribution", "gender" if is_grouped else None)
            for name, label in self.names.labels.items()
            if self.model.column(name).type == "number"
        ]
        rows = [histograms[start : start + 3] for start in range(0, len(histograms), 3)]
        return [counts, *rows]

    def _exported_dashboard(
        self, tabs: dict[str, list[list[Chart]]], uuids: dict[str, str]
    ) -> dict[str, Any]:
        filters = [
            _persona_filter(segmentation.name, f"TAB-{number}", uuids["segments"])
            for number, segmentation in enumerate(self.model.segmentations, 1)
        ]
        return {
            "dashboard_title": TITLE,
            "description": "Who the customers are, how sure the segments are, and what "
            "changed.",
            "css": "",
            "slug": "mall-segments",
            "published": True,
            "uuid": identity("dashboard"),
            "position": _position(tabs, uuids),
            "metadata": {
                "color_scheme": "",
                "label_colors": self._colours(),
                "refresh_frequency": 0,
                "cross_filters_enabled": True,
                "native_filter_configuration": filters,
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


def _position(
    tabs: dict[str, list[list[Chart]]], uuids: dict[str, str]
) -> dict[str, Any]:
    """Lay out tabs of rows of charts."""
    header = {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": TITLE}}
    position: dict[str, Any] = {"DASHBOARD_VERSION_KEY": "v2", "HEADER_ID": header}

    def place(kind: str, key: str, children: list[str], **meta: Any) -> str:
        position[key] = {"type": kind, "id": key, "children": children, "meta": meta}
        return key

    numbers, tab_keys = count(1), []
    for tab_number, (tab, rows) in enumerate(tabs.items(), 1):
        row_keys = []
        for row_number, row in enumerate(rows, 1):
            charts = [
                place("CHART", f"CHART-{number}", [], chartId=number,
                      sliceName=chart.title, width=chart.width, height=chart.height,
                      uuid=chart.exported(uuids[chart.dataset])["uuid"])
                for chart, number in zip(row, numbers, strict=False)
            ]  # fmt: skip
            key, background = f"ROW-{tab_number}-{row_number}", "BACKGROUND_TRANSPARENT"
            row_keys.append(place("ROW", key, charts, background=background))
        text = capital(tab.replace("_", " "))
        tab_keys.append(place("TAB", f"TAB-{tab_number}", row_keys, text=text))
    place(
        "ROOT",
        "ROOT_ID",
        [place("GRID", "GRID_ID", [place("TABS", "TABS-1", tab_keys)])],
    )
    return position


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", text.casefold()).strip("_")

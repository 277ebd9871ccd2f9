"""A dashboard of the published tables, packed for import into a Superset.

It is generated from the model and the tables, so it fits any features: a tab for each
segmentation, with the report's colours, and one for the customer file. What it shows is
``templates/dashboard.yml.j2``; here it becomes what Superset exports.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid5

import duckdb
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from mall_segments.errors import InputError
from mall_segments.model import load_model
from mall_segments.publishing.generations import DATABASE, MODEL, Generation
from mall_segments.publishing.tables import quote_text

ROOT: Final = "mall_segments_dashboard"
Config = dict[str, Any]

_NAMESPACE: Final = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
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
_POSTGRES_TYPES: Final = {"DOUBLE": "DOUBLE PRECISION", "VARCHAR": "TEXT"}
_NOT_GROUPS: Final = {"segmentation", "segment_id", "n_customers", "share_of_segment"}
_OF_FEATURES: Final = ("feature", "main_reason")
_JOINS: Final = {
    "dim_segments": "inner join <schema>.dim_segments as segments\n"
    "on facts.segmentation = segments.segmentation "
    "and facts.segment_id = segments.segment_id",
    "dim_customers": "inner join <schema>.dim_customers as customers\n"
    "on facts.customer_id = customers.customer_id",
}


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
        dashboard = _Dashboard(connection, generation)
        parts = dict(dashboard.parts(_database(kind, uri), kind, chosen))
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

    def __init__(self, connection: Any, generation: Generation) -> None:
        self.connection = connection
        self.model = load_model(generation.file(MODEL))
        tables: Config = generation.manifest["tables"]
        self.columns = {
            name: [column["name"] for column in listed["columns"]]
            for name, listed in tables.items()
        }
        self.labels = {
            column.name: _capital(
                f"{column.label} ({column.unit})"
                if column.unit and column.unit != column.label
                else column.label
            )
            for column in self.model.columns
        }
        # Names sort as text, so numbers of several digits all need as many.
        self.digits = max(
            len(str(segment.segment_id))
            for segmentation in self.model.segmentations
            for segment in segmentation.segments
        )

    def parts(
        self, database: Config, kind: str, schema: str
    ) -> Iterator[tuple[str, Config]]:
        """Yield the files of the bundle, without their suffix."""
        shown = self._shown()
        metadata = {"type": "Dashboard", "timestamp": self.model.created_at}
        yield "metadata", {"version": "1.0.0", **metadata}
        yield "databases/mall_segments", database
        uuids = {}
        for name, dataset in shown["datasets"].items():
            metrics = {each: shown["metrics"][each] for each in dataset["metrics"]}
            content = self._dataset(dataset, metrics, kind, schema)
            content |= {"database_uuid": database["uuid"], "version": "1.0.0"}
            uuids[name] = _identity([name, content])
            # Superset may allow a name once, so it changes with what it stands for.
            table = {"table_name": f"{name} {uuids[name][:8]}", "uuid": uuids[name]}
            yield f"datasets/mall_segments/{name}", table | content
        for tab in shown["tabs"]:
            tab["rows"] = [
                [_chart(chart, uuids, tab.get("where", {})) for chart in row]
                for row in tab["rows"]
                if row
            ]
            for _, chart in (tile for row in tab["rows"] for tile in row):
                yield f"charts/{_slug(tab['name'])}_{_slug(chart['slice_name'])}", chart
        dashboard = shown["dashboard"]
        for each in dashboard["metadata"]["native_filter_configuration"]:
            each["targets"][0]["datasetUuid"] = uuids["segments"]
        dashboard["metadata"]["label_colors"] = self._colours()
        dashboard |= {
            "uuid": _identity("dashboard"),
            "position": _position(shown["tabs"], dashboard["dashboard_title"]),
        }
        yield "dashboards/mall_segments", dashboard

    def _shown(self) -> Config:
        """Read the template, filled in for what is there."""
        environment = Environment(  # noqa: S701 - no page, and values are quoted.
            loader=PackageLoader("mall_segments.bi"),
            undefined=StrictUndefined,
            trim_blocks=True,
        )
        environment.filters |= {"yaml": _yaml, "words": _words}
        types = {column.name: column.type for column in self.model.columns}
        distribution = self.columns["fct_feature_distribution"]
        counted = self._values("select distinct measure from fct_input_counts")
        (largest,) = self._values("select max(n_customers) from fct_segment_points")
        changed = self._values(
            "select distinct segmentation from fct_segment_migrations"
        )
        segmentations = []
        for each in self.model.segmentations:
            plane = [name for name in each.features if types[name] == "number"][:2]
            segmentations.append(
                {
                    "name": each.name,
                    "unsure": " (no segments)" * (each.verdict == "no segments"),
                    "plane": plane if len(plane) == 2 else None,  # noqa: PLR2004 - axes
                    "has_changes": each.name in changed,
                }
            )
        text = environment.get_template("dashboard.yml.j2").render(
            segmentations=segmentations,
            labels=self.labels,
            numbers=[name for name, of in types.items() if of == "number"],
            categories=[name for name, of in types.items() if of == "category"],
            demographics=[
                name
                for name in self.columns["fct_segment_demographics"]
                if name not in _NOT_GROUPS
            ],
            # Not those about how a customer's values came about.
            described=[
                name
                for name in self.columns["dim_customers"]
                if name != "customer_id" and not name.startswith("is_")
            ],
            distribution=distribution,
            grouping="[gender]" if "gender" in distribution else "[]",
            measures=[measure for measure in _MEASURES if measure in counted],
            size="mark" if largest < _FEW else "customers",
        )
        shown: Config = yaml.safe_load(text)
        return shown

    def _values(self, query: str) -> list[Any]:
        return [value for (value,) in self.connection.execute(query).fetchall()]

    def _dataset(
        self, dataset: Config, metrics: Config, kind: str, schema: str
    ) -> Config:
        """Write a data set as Superset exports it, with the types of its columns."""
        sql = self._sql(dataset)
        described = self.connection.execute(
            f"describe {sql.replace('<schema>', 'main')}"
        ).fetchall()
        ((about,),) = self.connection.execute(
            "select comment from duckdb_tables() where table_name = $1 union all "
            "select comment from duckdb_views() where view_name = $1",
            [dataset["table"]],
        ).fetchall()
        types = {} if kind == "duckdb" else _POSTGRES_TYPES
        return {
            "schema": schema,
            "description": about,
            "sql": sql.replace("<schema>", schema),
            "metrics": [
                {
                    "metric_name": name,
                    "verbose_name": label,
                    "expression": expression,
                    "d3format": form,
                }
                for name, (label, expression, form) in metrics.items()
            ],
            "columns": [
                {
                    "column_name": name,
                    "verbose_name": self.labels.get(name, _words(name)),
                    "type": types.get(type_, type_),
                }
                for name, type_, *_ in described
            ],
        }

    def _sql(self, dataset: Config) -> str:
        """Write the query of a data set, with names of segments where it has them."""
        there = self.columns[dataset["table"]]
        columns, joins = [], [f"from <schema>.{dataset['table']} as facts"]
        if "segmentation" in there:
            columns.append("facts.segmentation")
        if "segment_id" in there:
            number = f"lpad(cast(segments.segment_id as varchar), {self.digits}, '0')"
            columns.append(f"concat({number}, ' ', segments.persona) as segment")
            columns.append("segments.persona")
            joins.append(_JOINS["dim_segments"])
        if "customer_id" in there:
            joins.append(_JOINS["dim_customers"])
        whens = " ".join(
            f"when {quote_text(name)} then {quote_text(label)}"
            for name, label in self.labels.items()
        )
        for column in dataset["columns"]:
            if column in _OF_FEATURES:
                told = f"case facts.{column} {whens} else facts.{column} end"
                columns.append(f"{told} as {column}")
            else:
                columns.append(column if "." in column else f"facts.{column}")
        return "\n".join([f"select {', '.join(columns)}", *joins])

    def _colours(self) -> dict[str, str]:
        """Give segments the colours that they have in the report."""
        styles = files("mall_segments") / "report" / "assets" / "colours.css"
        # Of two colours the light page's comes first.
        colours = dict(_COLOUR.findall(styles.read_text(encoding="utf-8")))
        return {
            f"{segment.segment_id:0{self.digits}} {segment.persona}": colours[
                str((segment.segment_id - 1) % len(colours) + 1)
            ]
            for segmentation in self.model.segmentations
            for segment in segmentation.segments
        }


def _identity(content: Any) -> str:
    """Name a part by its content.

    Superset keeps what it has of the same name, whatever the import says; a part that
    has changed must come under another.
    """
    return str(uuid5(_NAMESPACE, json.dumps(content, sort_keys=True)))


def _chart(
    chart: Config, uuids: dict[str, str], where: Config
) -> tuple[Config, Config]:
    """Split a chart into its tile and what Superset exports."""
    tile = {side: chart.pop(side) for side in ("width", "height")}
    title, dataset = chart.pop("title"), chart.pop("dataset")
    filters = [
        {
            "clause": "WHERE",
            "expressionType": "SIMPLE",
            "subject": column,
            "operator": "==",
            "comparator": value,
        }
        for column, value in (where | chart.pop("where", {})).items()
    ]
    content = {
        "slice_name": title,
        "description": chart.pop("description", None),
        "viz_type": chart["viz_type"],
        "params": {"row_limit": 5000, **chart, "adhoc_filters": filters},
        "version": "1.0.0",
        "dataset_uuid": uuids[dataset],
    }
    return tile, content | {"uuid": _identity(content)}


def _position(tabs: list[Config], title: str) -> Config:
    """Lay out tabs of rows of charts."""
    header = {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": title}}
    position: Config = {"DASHBOARD_VERSION_KEY": "v2", "HEADER_ID": header}

    def place(kind: str, key: str, children: list[str], **meta: Any) -> str:
        position[key] = {"type": kind, "id": key, "children": children, "meta": meta}
        return key

    numbers, tab_keys = count(1), []
    for tab_number, tab in enumerate(tabs, 1):
        row_keys = []
        for row_number, row in enumerate(tab["rows"], 1):
            charts = [
                place("CHART", f"CHART-{number}", [], chartId=number, **tile,
                      sliceName=chart["slice_name"], uuid=chart["uuid"])
                for (tile, chart), number in zip(row, numbers, strict=False)
            ]  # fmt: skip
            key, background = f"ROW-{tab_number}-{row_number}", "BACKGROUND_TRANSPARENT"
            row_keys.append(place("ROW", key, charts, background=background))
        text = _words(tab["name"])
        tab_keys.append(place("TAB", f"TAB-{tab_number}", row_keys, text=text))
    grid = place("GRID", "GRID_ID", [place("TABS", "TABS-1", tab_keys)])
    place("ROOT", "ROOT_ID", [grid])
    return position


def _database(kind: str, uri: str) -> Config:
    parts = urlsplit(uri)
    # Superset allows a name once, so a connection is known by it.
    name = f"Mall segments, {parts.hostname or ''}{parts.path}"
    extra: Config = {"allows_virtual_table_explore": True}
    if kind == "duckdb":
        extra["engine_params"] = {"connect_args": {"read_only": True}}
    if parts.password:
        uri = uri.replace(f":{parts.password}@", f":{_MASK}@", 1)
    return {
        "database_name": name,
        "sqlalchemy_uri": uri,
        "cache_timeout": 60,
        "expose_in_sqllab": True,
        "allow_dml": False,
        "allow_csv_upload": False,
        "extra": extra,
        "uuid": _identity(name),
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


def _yaml(text: str) -> str:
    """Spell a text as JSON does, which YAML reads alike."""
    return json.dumps(text, ensure_ascii=False)


def _words(name: str) -> str:
    return _capital(name.removeprefix("n_").replace("_", " "))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", text.casefold()).strip("_")

"""The Superset dashboard draws from what is published, checked without a Superset."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner
from shared_project import PROJECT

from mall_segments.bi.superset import ROOT, write_bundle
from mall_segments.cli import main
from mall_segments.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = PROJECT / "superset"
Config = dict[str, Any]


def read(kind: str) -> list[Config]:
    return [
        yaml.safe_load(path.read_text("utf-8"))
        for path in sorted((FOLDER / kind).rglob("*.yaml"))
    ]


DATABASES, DATASETS, CHARTS = read("databases"), read("datasets"), read("charts")
(DASHBOARD,) = read("dashboards")
DATASET_OF = {dataset["uuid"]: dataset for dataset in DATASETS}

# Where the kinds of charts used here name their columns and their metrics.
COLUMNS = {
    "big_number_total": (),
    "bubble_v2": ("entity", "series"),
    "echarts_timeseries_bar": ("x_axis", "groupby"),
    "echarts_timeseries_line": ("x_axis", "groupby"),
    "heatmap_v2": ("x_axis", "groupby"),
    "table": ("all_columns",),
}
METRICS = {
    "big_number_total": ("metric",),
    "bubble_v2": ("x", "y", "size"),
    "echarts_timeseries_bar": ("metrics",),
    "echarts_timeseries_line": ("metrics",),
    "heatmap_v2": ("metric",),
    "table": (),
}


@pytest.fixture(scope="module")
def connection(published_home: Path) -> Iterator[Any]:
    file = published_home / "published" / "current" / "mall_segments.duckdb"
    with duckdb.connect(str(file), read_only=True) as opened:
        yield opened


def relation(dataset: Config) -> str:
    return f"({dataset['sql']})" if "sql" in dataset else dataset["table_name"]


def expressions(dataset: Config) -> dict[str, str]:
    """What a chart may ask a data set for, by name."""
    return {
        column["column_name"]: column.get("expression") or column["column_name"]
        for column in dataset["columns"]
    }


def metrics(dataset: Config) -> dict[str, str]:
    return {
        metric["metric_name"]: metric["expression"] for metric in dataset["metrics"]
    }


def named(chart: Config, places: tuple[str, ...]) -> list[str]:
    names: list[str] = []
    for place in places:
        value = chart["params"][place]
        names += value if isinstance(value, list) else [value]
    return names


def filters(chart: Config) -> list[tuple[str, str, str]]:
    return [
        (entry["subject"], entry["operator"], entry["comparator"])
        for entry in chart["params"]["adhoc_filters"]
    ]


def identifiers(entries: list[Config], key: str = "table_name") -> list[str]:
    return [entry[key] for entry in entries]


def test_every_part_has_its_own_id_and_finds_the_part_it_needs() -> None:
    parts = [*DATABASES, *DATASETS, *CHARTS, DASHBOARD]
    assert max(Counter(part["uuid"] for part in parts).values()) == 1
    assert {part["version"] for part in parts} == {"1.0.0"}
    assert {dataset["database_uuid"] for dataset in DATASETS} == {DATABASES[0]["uuid"]}
    assert {chart["dataset_uuid"] for chart in CHARTS} == set(DATASET_OF)
    metadata = yaml.safe_load((FOLDER / "metadata.yaml").read_text("utf-8"))
    assert metadata["type"] == "Dashboard"


def test_the_connection_only_reads() -> None:
    (database,) = DATABASES
    assert database["extra"]["engine_params"] == {"connect_args": {"read_only": True}}
    assert not database["allow_dml"]


def test_the_dashboard_shows_every_chart_once() -> None:
    parts = [part for part in DASHBOARD["position"].values() if isinstance(part, dict)]
    tiles = [part["meta"] for part in parts if part["type"] == "CHART"]
    assert sorted((tile["uuid"], tile["sliceName"]) for tile in tiles) == sorted(
        (chart["uuid"], chart["slice_name"]) for chart in CHARTS
    )
    children = [child for part in parts for child in part.get("children", [])]
    assert sorted(children) == sorted(
        part["id"] for part in parts if part["type"] in {"GRID", "ROW", "CHART"}
    )


def test_no_row_is_wider_than_the_dashboard() -> None:
    position = DASHBOARD["position"]
    for key in position["GRID_ID"]["children"]:
        widths = [
            position[child]["meta"]["width"] for child in position[key]["children"]
        ]
        assert sum(widths) == 12


@pytest.mark.parametrize("dataset", DATASETS, ids=identifiers(DATASETS))
def test_a_data_set_has_the_columns_that_are_published(
    connection: Any, dataset: Config
) -> None:
    described = connection.execute(
        f"describe select * from {relation(dataset)}"
    ).fetchall()
    assert [
        (column["column_name"], column["type"])
        for column in dataset["columns"]
        if "expression" not in column
    ] == [(row[0], row[1]) for row in described]


@pytest.mark.parametrize("dataset", DATASETS, ids=identifiers(DATASETS))
def test_every_expression_of_a_data_set_runs(connection: Any, dataset: Config) -> None:
    for expression in expressions(dataset).values():
        connection.execute(f"select {expression} from {relation(dataset)}").fetchall()
    for name, expression in metrics(dataset).items():
        value = connection.execute(
            f"select {expression} from {relation(dataset)}"
        ).fetchall()[0][0]
        assert value is not None, name


@pytest.mark.parametrize("chart", CHARTS, ids=identifiers(CHARTS, "slice_name"))
def test_a_chart_draws_something(connection: Any, chart: Config) -> None:
    dataset = DATASET_OF[chart["dataset_uuid"]]
    known, measures = expressions(dataset), metrics(dataset)
    columns = [known[name] for name in named(chart, COLUMNS[chart["viz_type"]])]
    values = [measures[name] for name in named(chart, METRICS[chart["viz_type"]])]
    where = [f"{known[column]} = '{value}'" for column, _, value in filters(chart)]
    if "segmentation" in known:
        where.append("segmentation = 'income_spending'")
    query = f"select {', '.join(columns + values)} from {relation(dataset)}"
    if where:
        query += f" where {' and '.join(where)}"
    if values and columns:
        query += f" group by {', '.join(columns)}"
    rows = connection.execute(query).fetchall()
    assert rows
    assert any(row[-1] is not None for row in rows)
    assert len(rows) <= chart["params"]["row_limit"]


@pytest.mark.parametrize("chart", CHARTS, ids=identifiers(CHARTS, "slice_name"))
def test_a_chart_asks_by_itself_for_what_it_draws(chart: Config) -> None:
    """Alerts, reports and the API use the query that is stored with the chart."""
    assert chart["params"]["viz_type"] == chart["viz_type"]
    (query,) = json.loads(chart["query_context"])["queries"]
    assert set(query["columns"]) == set(named(chart, COLUMNS[chart["viz_type"]]))
    assert set(query["metrics"]) == set(named(chart, METRICS[chart["viz_type"]]))
    assert [
        (entry["col"], entry["op"], entry["val"]) for entry in query["filters"]
    ] == filters(chart)
    known = expressions(DATASET_OF[chart["dataset_uuid"]])
    orders = [json.loads(entry) for entry in chart["params"].get("order_by_cols", [])]
    assert orders == query["orderby"]
    assert {column for column, _ in orders} <= set(known)


def test_the_filter_offers_a_segmentation_that_is_published(connection: Any) -> None:
    (entry,) = DASHBOARD["metadata"]["native_filter_configuration"]
    (target,) = entry["targets"]
    dataset = DATASET_OF[target["datasetUuid"]]
    column = expressions(dataset)[target["column"]["name"]]
    published = connection.execute(
        f"select distinct {column} from {relation(dataset)}"
    ).fetchall()
    (chosen,) = entry["defaultDataMask"]["filterState"]["value"]
    assert (chosen,) in published
    (preset,) = entry["defaultDataMask"]["extraFormData"]["filters"]
    assert preset == {"col": target["column"]["name"], "op": "IN", "val": [chosen]}


def test_the_exposure_names_the_tables_of_the_dashboard() -> None:
    exposures = yaml.safe_load(
        (PROJECT / "models" / "exposures.yml").read_text("utf-8")
    )
    (exposure,) = (
        entry
        for entry in exposures["exposures"]
        if entry["name"] == "segment_dashboard"
    )
    tables = {
        table
        for dataset in DATASETS
        for table in re.findall(r"\b(?:dim|fct)_\w+", relation(dataset))
    }
    assert set(exposure["depends_on"]) == {f"ref('{table}')" for table in tables}


def test_the_bundle_connects_to_the_file_published_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    target = tmp_path / "dashboard.zip"
    home = tmp_path / "a home"
    arguments = ["--home", str(home), "superset", "-o", str(target)]
    result = CliRunner().invoke(main, arguments)
    file = home / "published" / "current" / "mall_segments.duckdb"
    assert result.output == f"{target} has a dashboard of 17 charts on {file}\n"
    with zipfile.ZipFile(target) as bundle:
        names = set(bundle.namelist())
        database = yaml.safe_load(
            bundle.read(f"{ROOT}/databases/mall_segments.yaml").decode()
        )
    assert names == {
        f"{ROOT}/{path.relative_to(FOLDER).as_posix()}"
        for path in FOLDER.rglob("*.yaml")
    }
    assert database == {**DATABASES[0], "sqlalchemy_uri": f"duckdb:///{file}"}


def test_the_same_dashboard_is_packed_to_the_same_bytes(tmp_path: Path) -> None:
    contents = set()
    for name in ("first.zip", "second.zip"):
        write_bundle(tmp_path / name, database="/data/m.duckdb", folder=FOLDER)
        contents.add((tmp_path / name).read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize("database", ["published/m.duckdb", "/data/m.duckdb?x=1", ""])
def test_refuses_databases_that_are_no_address(tmp_path: Path, database: str) -> None:
    with pytest.raises(InputError, match="must be an absolute path"):
        write_bundle(tmp_path / "d.zip", database=database, folder=FOLDER)


def test_says_where_to_run_the_command(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run the command there"):
        write_bundle(tmp_path / "d.zip", database="/m.duckdb", folder=tmp_path)


def test_says_why_the_bundle_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"d\.zip cannot be written: No such file"):
        write_bundle(
            tmp_path / "missing" / "d.zip", database="/m.duckdb", folder=FOLDER
        )

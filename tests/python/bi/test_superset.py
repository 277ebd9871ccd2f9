"""The Superset dashboard draws from what is published, checked without a Superset."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import psycopg
import pytest
import yaml
from click.testing import CliRunner
from sample_published import publish_sample
from shared_project import PROJECT

from mall_segments.bi.destinations import Postgres
from mall_segments.bi.postgres import push_to_postgres
from mall_segments.bi.superset import ROOT, write_bundle
from mall_segments.cli import main
from mall_segments.errors import InputError
from mall_segments.model import load_model
from mall_segments.publishing.generations import (
    DATABASE,
    MODEL,
    Generation,
    read_current,
)

if TYPE_CHECKING:
    from pathlib import Path

Config = dict[str, Any]
FILE = "duckdb:////data/mall_segments.duckdb"

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


@dataclass(frozen=True)
class Bundle:
    generation: Generation
    contents: dict[str, Config]

    def parts(self, kind: str) -> list[Config]:
        return [
            content
            for name, content in self.contents.items()
            if name.startswith(f"{ROOT}/{kind}/")
        ]

    @property
    def dashboard(self) -> Config:
        (found,) = self.parts("dashboards")
        return found

    def dataset(self, chart: Config) -> Config:
        (found,) = (
            dataset
            for dataset in self.parts("datasets")
            if dataset["uuid"] == chart["dataset_uuid"]
        )
        return found


def bundle_of(generation: Generation, target: Path, **options: Any) -> Bundle:
    write_bundle(target, generation, **({"uri": FILE} | options))
    with zipfile.ZipFile(target) as packed:
        assert len(set(packed.namelist())) == len(packed.namelist())
        return Bundle(
            generation,
            {name: yaml.safe_load(packed.read(name)) for name in packed.namelist()},
        )


@pytest.fixture(scope="module", params=["shipped features", "other features"])
def bundle(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Bundle:
    """Of the shipped file built twice, and of another shop's first build."""
    folder = tmp_path_factory.mktemp("superset")
    if request.param == "shipped features":
        home = request.getfixturevalue("published_home")
        return bundle_of(read_current(home), folder / "shipped.zip")
    sample = publish_sample(folder / "home", "20260101T000000.000000Z-00000000")
    return bundle_of(sample, folder / "sample.zip")


def named(chart: Config, places: tuple[str, ...]) -> list[str]:
    names: list[str] = []
    for place in places:
        value = chart["params"][place]
        names += value if isinstance(value, list) else [value]
    return names


def query(chart: Config, dataset: Config) -> str:
    """Write the query that Superset would send for a chart."""
    known = {each["metric_name"]: each["expression"] for each in dataset["metrics"]}
    columns = [f'"{name}"' for name in named(chart, COLUMNS[chart["viz_type"]])]
    values = [known[name] for name in named(chart, METRICS[chart["viz_type"]])]
    where = [
        f"{entry['subject']} = '{entry['comparator']}'"
        for entry in chart["params"]["adhoc_filters"]
    ]
    sql = f"select {', '.join(columns + values)} from ({dataset['sql']}) as virtual"
    if where:
        sql += f" where {' and '.join(where)}"
    if values and columns:
        sql += f" group by {', '.join(columns)}"
    return sql


def test_every_part_has_its_own_id_and_finds_the_part_it_needs(bundle: Bundle) -> None:
    databases, datasets = bundle.parts("databases"), bundle.parts("datasets")
    charts = bundle.parts("charts")
    parts = [*databases, *datasets, *charts, bundle.dashboard]
    assert max(Counter(part["uuid"] for part in parts).values()) == 1
    assert {part["version"] for part in parts} == {"1.0.0"}
    assert {each["database_uuid"] for each in datasets} == {databases[0]["uuid"]}
    assert {each["dataset_uuid"] for each in charts} <= {
        each["uuid"] for each in datasets
    }
    assert bundle.contents[f"{ROOT}/metadata.yaml"]["type"] == "Dashboard"


def test_the_dashboard_shows_every_chart_once_and_no_row_is_too_wide(
    bundle: Bundle,
) -> None:
    position = bundle.dashboard["position"]
    parts = [part for part in position.values() if isinstance(part, dict)]
    tiles = [part["meta"] for part in parts if part["type"] == "CHART"]
    assert sorted((tile["uuid"], tile["sliceName"]) for tile in tiles) == sorted(
        (chart["uuid"], chart["slice_name"]) for chart in bundle.parts("charts")
    )
    children = [child for part in parts for child in part.get("children", [])]
    assert max(Counter(children).values()) == 1
    assert set(children) == {
        part["id"] for part in parts if part["type"] not in {"ROOT", "HEADER"}
    }
    for part in parts:
        if part["type"] == "ROW":
            width = sum(position[child]["meta"]["width"] for child in part["children"])
            assert width <= 12


def test_every_panel_draws_something_even_on_a_first_build(bundle: Bundle) -> None:
    file = bundle.generation.folder / DATABASE
    with duckdb.connect(str(file), read_only=True) as connection:
        for chart in bundle.parts("charts"):
            rows = connection.execute(query(chart, bundle.dataset(chart))).fetchall()
            title = (chart["slice_name"], chart["params"]["adhoc_filters"])
            assert rows, title
            assert any(row[-1] is not None for row in rows), title
            assert len(rows) <= chart["params"]["row_limit"], title


def test_data_sets_have_the_columns_and_metrics_of_their_queries(
    bundle: Bundle,
) -> None:
    file = bundle.generation.folder / DATABASE
    with duckdb.connect(str(file), read_only=True) as connection:
        for dataset in bundle.parts("datasets"):
            described = connection.execute(f"describe {dataset['sql']}").fetchall()
            assert [
                (column["column_name"], column["type"]) for column in dataset["columns"]
            ] == [(row[0], row[1]) for row in described]
            for metric in dataset["metrics"]:
                connection.execute(
                    f"select {metric['expression']} from ({dataset['sql']}) as v"
                )


def test_a_chart_asks_by_itself_for_what_it_draws(bundle: Bundle) -> None:
    """Alerts, reports and the API use the query that is stored with the chart."""
    for chart in bundle.parts("charts"):
        context = yaml.safe_load(chart["query_context"])
        (asked,) = context["queries"]
        assert set(asked["columns"]) == set(named(chart, COLUMNS[chart["viz_type"]]))
        assert set(asked["metrics"]) == set(named(chart, METRICS[chart["viz_type"]]))
        assert [(each["col"], each["val"]) for each in asked["filters"]] == [
            (each["subject"], each["comparator"])
            for each in chart["params"]["adhoc_filters"]
        ]


def test_features_are_told_with_their_units_and_segments_in_the_reports_colours(
    bundle: Bundle,
) -> None:
    model = load_model(bundle.generation.folder / MODEL)
    histograms = {
        chart["slice_name"].lower()
        for chart in bundle.parts("charts")
        if chart["params"].get("x_axis") == "bin_from"
    }
    numbers = [column for column in model.columns if column.type == "number"]
    assert len(histograms) == len(numbers)
    for column in numbers:
        assert any(
            column.label.lower() in title and column.unit.lower() in title
            for title in histograms
        )
    colours = bundle.dashboard["metadata"]["label_colors"]
    for segmentation in model.segmentations:
        first = segmentation.segments[0]
        assert colours[f"{first.segment_id} {first.persona}"] == "#0072b2"
    file = bundle.generation.folder / DATABASE
    (segments,) = (
        dataset
        for dataset in bundle.parts("datasets")
        if dataset["table_name"].startswith("segments ")
    )
    with duckdb.connect(str(file), read_only=True) as connection:
        drawn = connection.execute(f"select segment from ({segments['sql']})")
        assert {name for (name,) in drawn.fetchall()} == set(colours)


def test_each_tab_filters_by_the_personas_of_its_segmentation(bundle: Bundle) -> None:
    model = load_model(bundle.generation.folder / MODEL)
    position = bundle.dashboard["position"]
    filters = bundle.dashboard["metadata"]["native_filter_configuration"]
    for entry, segmentation in zip(filters, model.segmentations, strict=True):
        assert entry["targets"][0]["column"]["name"] == "persona"
        assert entry["adhoc_filters"][0]["comparator"] == segmentation.name
        (tab,) = entry["scope"]["rootPath"]
        text = position[tab]["meta"]["text"]
        assert text.lower() == segmentation.name.replace("_", " ")


def test_no_panel_is_for_changes_before_there_are_any(
    published_home: Path, tmp_path: Path
) -> None:
    first = publish_sample(tmp_path / "home", "20260101T000000.000000Z-00000000")
    for generation, expected in ((first, False), (read_current(published_home), True)):
        made = bundle_of(generation, tmp_path / "made.zip")
        titles = {chart["slice_name"] for chart in made.parts("charts")}
        assert ("Changes since the last build" in titles) == expected


def test_the_exposure_names_the_tables_of_the_dashboard(bundle: Bundle) -> None:
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
        for dataset in bundle.parts("datasets")
        for table in re.findall(r"main\.((?:dim|fct)_\w+)", dataset["sql"])
    }
    assert set(exposure["depends_on"]) == {f"ref('{table}')" for table in tables}


def test_the_same_panels_draw_from_postgres(
    published_home: Path, database: str, tmp_path: Path
) -> None:
    generation = read_current(published_home)
    push_to_postgres(generation, Postgres("shop", {"conninfo": database}))
    uri = database.replace("://", "+psycopg2://")
    made = bundle_of(generation, tmp_path / "made.zip", uri=uri, schema="shop")
    (connected,) = made.parts("databases")
    password = re.search(r":([^:@]+)@", database)
    assert password
    assert password[1] not in str(made.contents)
    assert connected["sqlalchemy_uri"] == uri.replace(password[1], "XXXXXXXXXX")
    assert "engine_params" not in connected["extra"]
    with psycopg.connect(database) as connection:
        for chart in made.parts("charts"):
            rows = connection.execute(query(chart, made.dataset(chart))).fetchall()
            assert rows, chart["slice_name"]


def test_the_command_connects_to_the_file_published_here(
    published_home: Path, tmp_path: Path
) -> None:
    target = tmp_path / "dashboard.zip"
    result = CliRunner().invoke(
        main, ["--home", str(published_home), "superset", "-o", str(target)]
    )
    assert re.search(r"has a dashboard of \d+ charts", result.output), result.output
    file = published_home / "published" / "current" / DATABASE
    with zipfile.ZipFile(target) as packed:
        connected = yaml.safe_load(packed.read(f"{ROOT}/databases/mall_segments.yaml"))
    assert connected["sqlalchemy_uri"] == f"duckdb:///{file}"
    assert connected["extra"]["engine_params"] == {"connect_args": {"read_only": True}}
    assert not connected["allow_dml"]


def test_the_same_dashboard_is_packed_to_the_same_bytes(
    published_home: Path, tmp_path: Path
) -> None:
    contents = set()
    for name in ("first.zip", "second.zip"):
        write_bundle(tmp_path / name, read_current(published_home), uri=FILE)
        contents.add((tmp_path / name).read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize(
    "uri",
    ["/data/m.duckdb", "duckdb:///m.duckdb", f"{FILE}?x=1", "mysql://u:5ecret@h/d", ""],
)
def test_refuses_addresses_of_another_kind(
    published_home: Path, tmp_path: Path, uri: str
) -> None:
    with pytest.raises(InputError, match="the address must be") as refusal:
        write_bundle(tmp_path / "d.zip", read_current(published_home), uri=uri)
    assert "5ecret" not in str(refusal.value)


def test_says_why_the_bundle_cannot_be_written(
    published_home: Path, tmp_path: Path
) -> None:
    target = tmp_path / "missing" / "d.zip"
    with pytest.raises(InputError, match=r"d\.zip cannot be written: No such file"):
        write_bundle(target, read_current(published_home), uri=FILE)

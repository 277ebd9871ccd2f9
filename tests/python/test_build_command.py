"""`mall-segments build` says in few lines what dbt did, or why it did not."""

import errno
import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mall_segments.boundary import Refusal, refusing
from mall_segments.cli import main
from mall_segments.commands import _dbt, _progress, build
from mall_segments.errors import InputError

MODEL = """
from mall_segments.boundary import refusing
from mall_segments.errors import InputError


def fit(customers):
    raise InputError("3 customers are too few: give more.\\nOr ask for fewer segments.")


@refusing
def model(dbt, session):
    fit(dbt.ref("stg_customers"))
    return session.sql("select 1")
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["build", *map(str, arguments)])


@pytest.fixture
def refusing_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dbt project whose only Python model refuses the customers."""
    for name, text in {
        "dbt_project.yml": "name: tiny\nversion: 1.0.0\nprofile: tiny\n"
        "model-paths: [models, python_models]\n"
        "flags: {send_anonymous_usage_stats: false}\n",
        "profiles.yml": "tiny:\n  target: d\n  outputs:\n"
        "    d: {type: duckdb, path: t.duckdb}\n",
        "models/staging/stg_customers.sql": "select 1 as customer_id",
        "python_models/segments.py": MODEL,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    for name in ("DBT_PROFILES_DIR", "DBT_TARGET_PATH", "DBT_PROJECT_DIR", "VERBOSE"):
        monkeypatch.delenv(name, raising=False)
    source = Path(_dbt.__file__).parents[2]
    monkeypatch.setenv(
        "PYTHONPATH", f"{source}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    )
    return tmp_path


@pytest.mark.usefixtures("refusing_project")
def test_a_refusal_of_a_python_model_is_its_sentence_and_no_stack() -> None:
    result = run("--no-audit")

    assert result.exit_code == 1
    # A busy machine is told of, too.
    lines = [line for line in result.stdout.splitlines() if "  ... " not in line]
    read, *refusal = lines
    assert read.endswith("s  read: 1 table")
    assert refusal == [
        "Error: 3 customers are too few: give more.",
        "Or ask for fewer segments.",
    ]
    assert "\x1b" not in result.output


def test_a_refusal_leaves_a_model_without_the_stack_below_it() -> None:
    @refusing
    def model(count: int) -> int:
        if count < 0:
            raise InputError("too few")
        return 1 // count

    assert model(1) == 1
    with pytest.raises(Refusal, match=r"^too few$") as caught:
        model(-1)
    assert caught.value.__cause__ is caught.value.__context__ is None
    with pytest.raises(ZeroDivisionError):
        model(0)


def test_wants_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DBT_PROJECT_DIR", raising=False)

    result = run()

    assert result.exit_code == 1
    assert f"there is no dbt_project.yml in {tmp_path}" in result.stderr


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("segmentation: []", "Did you mean 'segmentations'?"),
        ("- a", "holds no settings: names and values are needed"),
        ("", "holds no settings"),
        ("a: [", "is not YAML"),
    ],
)
def test_refuses_settings_before_dbt_runs(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "segments.yml"
    path.write_text(text)

    result = run("--settings", path)

    assert result.exit_code == 1
    assert complaint in result.stderr


def test_settings_may_be_the_vars_of_a_project(tmp_path: Path) -> None:
    path = tmp_path / "segments.yml"
    for text in (
        "keep_generations: 5",
        "vars: {keep_generations: 5}",
        "vars: {mall_segments: {keep_generations: 5}}",
    ):
        path.write_text(text)
        assert build._read_settings(path) == {"keep_generations": 5}


def test_a_file_goes_before_what_the_settings_read(tmp_path: Path) -> None:
    file, orders = tmp_path / "customers.csv", str(tmp_path / "*.csv")
    file.write_text("")
    path = tmp_path / "segments.yml"
    path.write_text("customers_model: crm\nkeep_generations: 5\n")

    assert build._variables(str(file), orders, path) == {
        "customers_path": str(file),
        "orders_path": orders,
        "keep_generations": 5,
    }


def test_a_file_with_columns_of_its_own_is_for_init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, say: Callable[[str], None], **__: object) -> bool:
        say("Error: 'shop.csv': no column is recognised as customer_id.")
        return False

    monkeypatch.setattr(_dbt, "run_dbt", refuse)
    path = tmp_path / "shop.csv"
    path.write_text("")

    result = run(path)

    assert result.exit_code == 1
    assert result.output.endswith(f"\n  mall-segments init {path}\n")


def test_a_private_build_hides_what_an_open_one_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "warehouse"
    folder.mkdir(mode=0o755)
    masks: list[int] = []

    def look(*_: Any, **__: Any) -> bool:
        masks.append(os.umask(0o022))
        return False

    monkeypatch.setattr(_dbt, "run_dbt", look)
    CliRunner().invoke(main, ["--home", str(tmp_path), "build", "--private"])

    assert masks == [0o077]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_names_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = run(tmp_path / "gone.csv")
    assert result.exit_code == 1
    assert f"there is no file {tmp_path / 'gone.csv'}" in result.stderr
    assert "--settings segments.yml" in run("segments.yml").stderr


def event(name: str, node: str = "", **data: Any) -> str:
    if node:
        data["node_info"] = {"unique_id": node}
    return json.dumps(
        {"info": {"name": name, "msg": data.get("msg", "")}, "data": data}
    )


def test_a_line_per_stage_counts_tables_and_tests(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    nodes = {
        "seed.p.customers": ("seed", "customers", "seeds/customers.csv", []),
        "model.p.stg": ("model", "stg", "models/staging/stg.sql", []),
        "model.p.int_a": ("model", "int_a", "models/intermediate/a.sql", []),
        "model.p.dim_a": ("model", "dim_a", "analyses/marts/dim_a.sql", []),
        "model.p.fct_published_tables": (
            "model",
            "fct_published_tables",
            "python_models/publish/fct_published_tables.py",
            [],
        ),
        "test.p.unique_stg.1": ("test", "unique_stg", "x.yml", ["model.p.stg"]),
        "test.p.assert_all.2": (
            "test",
            "assert_all",
            "tests/data/assert_all.sql",
            ["model.p.stg", "model.p.dim_a"],
        ),
    }
    hook = ("operation", "on-run-start", "dbt_project.yml", [])
    content = {
        "nodes": {
            key: {
                "resource_type": kind,
                "name": name,
                "original_file_path": path,
                "depends_on": {"nodes": parents},
            }
            for key, (kind, name, path, parents) in {
                **nodes,
                "operation.p.hook": hook,
            }.items()
        },
    }
    manifest.write_text(json.dumps(content))
    said: list[str] = []
    progress = _dbt._Progress(manifest, said.append)

    for node in nodes:
        progress.hear(event("LogStartLine", node))
        kind = "LogTestResult" if node.startswith("test") else "LogModelResult"
        status = "fail" if "unique" in node else "OK"
        progress.hear(event(kind, node, status=status))
    progress.hear(event("JinjaLogInfo", msg="spend is skewed"))
    # A macro of dbt: columns that follow the settings are described, but not there.
    progress.hear(event("JinjaLogWarning", msg="In relation x: not in the database"))
    progress.hear("printed by a model")
    progress.hear(event("RunResultFailure", node_name="unique_stg"))
    progress.hear(
        event("RunResultError", msg="Got 1 result, configured to fail if != 0")
    )
    progress.end(succeeded=False)

    assert [line.partition("s  ")[2] or line for line in said] == [
        "checked and prepared: 1 table",
        "published: 1 table",
        "described: 1 table, 1 test",
        "spend is skewed",
        "printed by a model",
        "Error: the test unique_stg failed",
    ]


def test_a_build_of_which_nothing_can_be_said_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dbt_project.yml").touch()
    monkeypatch.chdir(tmp_path)
    code = "print('said', flush=True); import time; time.sleep(600)"
    monkeypatch.setattr(_dbt, "_DBT", code)

    def say(_: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        _dbt.run_dbt(tmp_path, {}, say=say)


def test_says_what_takes_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "SILENCE", 0.01)
    said: list[str] = []
    progress = _dbt._Progress(tmp_path / "manifest.json", said.append)
    progress.hear(event("LogStartLine", "model.p.int_points"))
    assert said == []

    with progress.heartbeat:
        while not said:
            time.sleep(0.01)

    assert said[0].endswith("s: int_points")

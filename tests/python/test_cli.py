import hashlib
import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import _duckdb
import pytest
from click.testing import CliRunner, Result

from mall_segments.cli import main
from mall_segments.publishing.generations import current_generation, list_generations
from mall_segments.publishing.sealed_json import write_sealed
from small_warehouse import publish, write_project


@pytest.fixture(scope="module")
def built_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = write_project(tmp_path_factory.mktemp("cli") / "home")
    publish(home)
    publish(home)
    return home


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built_home, tmp_path / "home", symlinks=True)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_help_lists_every_command() -> None:
    result = run("--help")

    assert result.exit_code == 0
    commands = result.output.partition("Commands:")[2]
    for command in ("generations", "rollback", "verify"):
        assert f"\n  {command}" in commands


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from mall_segments.cli import main;"
        "main(['--help'], standalone_mode=False);"
        "print(*sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    loaded = set(result.stdout.splitlines()[-1].split())
    heavy = {"duckdb", "pandas", "numpy", "sklearn", "fastapi", "great_expectations"}
    assert heavy & loaded == set()


def test_says_its_version() -> None:
    assert run("--version").output.strip().endswith(version("mall-segments"))


def test_lists_generations_and_marks_the_current_one(home: Path) -> None:
    first, second = list_generations(home)

    result = run("--home", home, "generations")

    assert result.exit_code == 0
    assert result.output.splitlines() == [
        f"  {first}  5 customers",
        f"* {second}  5 customers",
    ]


def test_lists_a_damaged_generation_as_such(home: Path) -> None:
    (home / "published" / "current" / "manifest.json").unlink()

    lines = run("--home", home, "generations").output.splitlines()

    assert lines[1].endswith("damaged: mall-segments verify says where")


@pytest.mark.parametrize("number", [1, 99])
@pytest.mark.parametrize("name", ["manifest.json", "model.json"])
def test_another_format_is_named_alike_everywhere(
    home: Path, name: str, number: int
) -> None:
    path = home / "published" / "current" / name
    content = json.loads(path.read_text())
    path.unlink()
    write_sealed(path, {**content, "format": number})
    if name == "model.json":
        rewrite_listing(path)
    said = f"has the format {number}; this version reads 2: build anew"

    assert said in run("--home", home, "generations").output.splitlines()[1]
    for command in (["verify"], ["summary"], ["export"], ["forget", "x"]):
        result = run("--home", home, *command)
        assert result.exit_code == 1
        assert f"{name} {said}" in result.stderr


def rewrite_listing(path: Path) -> None:
    """Let the manifest list a file as it is now."""
    manifest_path = path.with_name("manifest.json")
    manifest = json.loads(manifest_path.read_text())
    data = path.read_bytes()
    manifest["files"][path.name] = {
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    manifest_path.unlink()
    write_sealed(manifest_path, manifest)


def test_a_mistyped_command_gets_a_suggestion() -> None:
    result = run("rolback")

    assert result.exit_code == 2
    assert "There is no command 'rolback'. Did you mean 'rollback'?" in result.stderr


def test_a_file_is_no_home(tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.touch()

    result = run("--home", file, "report")

    assert result.exit_code == 2
    assert f"Directory '{file}' is a file." in result.stderr


def test_lists_nothing_before_the_first_build(tmp_path: Path) -> None:
    assert run("--home", tmp_path, "generations").output == "nothing is published yet\n"


def test_rolls_back_to_the_generation_before(home: Path) -> None:
    first, _ = list_generations(home)

    result = run("--home", home, "rollback")

    assert result.exit_code == 0
    assert result.output == f"published/current is now {first}\n"
    current = current_generation(home)
    assert current is not None
    assert current.name == first


def test_rolls_back_to_the_generation_named(home: Path) -> None:
    first, second = list_generations(home)
    run("--home", home, "rollback", first)

    assert second in run("--home", home, "rollback", second).output


def test_takes_the_home_from_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALL_SEGMENTS_HOME", str(home))
    assert len(run("generations").output.splitlines()) == 2


def test_takes_the_current_folder_for_the_home(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MALL_SEGMENTS_HOME", raising=False)
    monkeypatch.chdir(home)
    assert len(run("generations").output.splitlines()) == 2


def test_verifies_the_current_generation_and_any_other(home: Path) -> None:
    first, second = list_generations(home)

    assert run("--home", home, "verify").output == (
        f"{second} is intact: 8 files, 4 tables\n"
    )
    assert run("--home", home, "verify", first).output == (
        f"{first} is intact: 8 files, 4 tables\n"
    )


def test_a_refusal_is_one_line_and_exit_code_1(home: Path) -> None:
    model = current_generation(home) or home
    (model / "model.json").unlink()

    result = run("--home", home, "verify")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert "model.json" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_refuses_to_verify_what_is_not_kept(home: Path) -> None:
    result = run("--home", home, "verify", "yesterday")

    assert result.exit_code == 1
    assert "there is no generation yesterday; kept are 2" in result.stderr


@pytest.mark.parametrize("arguments", [["rolback"], ["rollback", "a", "b"], ["--x"]])
def test_misuse_is_exit_code_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


COMMANDS = (
    ["--help"],
    ["--version"],
    ["summary", "--help"],
    ["generations"],
    ["verify"],
    ["rollback"],
)


def run_in_shell(
    redirection: str, *arguments: object, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command with streams that a shell redirects."""
    shell = ["/bin/sh", "-c", f'"$@" {redirection}', "sh"]
    return subprocess.run(
        [*shell, Path(sys.executable).with_name("mall-segments"), *arguments],
        capture_output=True,
        check=False,
        text=True,
        **options,
    )


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_full_standard_output_is_one_sentence(
    home: Path, arguments: list[str]
) -> None:
    result = run_in_shell(">/dev/full", "--home", home, *arguments)

    assert result.returncode == 1
    assert result.stderr == (
        "Error: the standard output cannot be written: No space left on device\n"
    )


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_reader_that_went_away_is_no_error_to_speak_of(
    home: Path, arguments: list[str]
) -> None:
    result = run_in_shell("| true", "--home", home, *arguments)

    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.parametrize("redirection", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_trouble(home: Path, redirection: str) -> None:
    result = run_in_shell(redirection, "--home", home, "generations")

    assert (result.returncode, result.stderr) == (0, "")


def test_letters_that_the_terminal_has_not_are_escaped() -> None:
    code = """
import click
from mall_segments.cli import main
from mall_segments.commands import summary

summary.command = click.Command("summary", callback=lambda: click.echo("\u20ac 5"))
main(["summary"])
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        env={"PYTHONIOENCODING": "latin-1"},
    )

    assert result.stdout == b"\\u20ac 5\n"


def test_an_argument_that_is_not_unicode_is_refused() -> None:
    result = run("score", "caf\udce9.csv")

    assert result.exit_code == 2
    assert "The argument 'caf\\udce9.csv' is not UTF-8" in result.stderr


def test_a_home_that_is_not_unicode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALL_SEGMENTS_HOME", "/srv/caf\udce9")

    result = run("generations")

    assert result.exit_code == 1
    assert "the home is '/srv/caf\\udce9', whose name is not UTF-8" in result.stderr


def test_ids_to_forget_are_read_or_refused(home: Path, tmp_path: Path) -> None:
    result = run_in_shell("<&-", "--home", home, "forget", "--file", "-")
    assert result.returncode == 1
    assert result.stderr == (
        "Error: the standard input is closed: name a file of ids\n"
    )

    ids = tmp_path / "ids.txt"
    ids.write_bytes(b"1\n\xff2\n")
    result = run_in_shell("", "--home", home, "forget", "--file", ids)
    assert result.returncode == 1
    assert result.stderr == (f"Error: {ids} is not UTF-8: it has the byte 0xff at 2\n")


def run_raising(message: str) -> subprocess.CompletedProcess[str]:
    """Run a command that ends as a query of the engine may."""
    code = f"""
import click
from mall_segments.cli import main
from mall_segments.commands import summary

def ask():
    raise RuntimeError({message!r})

summary.command = click.Command("summary", callback=ask)
main(["summary"])
"""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, text=True
    )


def test_an_interrupted_query_ends_without_a_traceback() -> None:
    # Not by a real signal: the engine heeds it only between two of its tasks.
    result = run_raising("Query interrupted")

    assert (result.stdout, result.stderr) == ("", "Aborted!\n")
    assert result.returncode == 1
    # These are the engine's own words.
    assert b"Query interrupted" in Path(_duckdb.__file__).read_bytes()


def test_other_errors_of_programming_are_not_hidden() -> None:
    result = run_raising("other")

    assert result.returncode == 1
    assert "RuntimeError: other" in result.stderr

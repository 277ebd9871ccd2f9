"""Output files are complete or not there, whatever ends the process."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from example_model import BUILD, write_example_model

from mall_segments.errors import InputError
from mall_segments.scoring.output import stream, whole_files

COMMAND = "from mall_segments.cli import main; main(prog_name='mall-segments')"
MALL_SEGMENTS = (sys.executable, "-c", COMMAND)
N_CUSTOMERS = 20_000
N_KILLS = 6


def test_files_appear_together_at_the_end(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    second.write_text("old")

    with whole_files(first, second) as (first_path, second_path):
        first_path.write_text("one")
        second_path.write_text("two")
        assert not first.exists()
        assert second.read_text() == "old"

    assert (first.read_text(), second.read_text()) == ("one", "two")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"]


def test_a_failure_leaves_everything_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_text("old")

    def write_and_fail() -> None:
        with whole_files(target) as (path,):
            path.write_text("half of it")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_fail()

    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    target = tmp_path / "a[1].csv"
    leftover = tmp_path / ".a[1].csv.0badc0de.unfinished"
    other = tmp_path / ".a1.csv.0badc0de.unfinished"
    leftover.write_text("half of it")
    other.write_text("of another file")

    with whole_files(target) as (path,), whole_files(target) as (rival,):
        # Both are being written, so neither is a leftover of the other.
        path.write_text("one")
        rival.write_text("two")

    assert target.read_text() == "one"
    assert not leftover.exists()
    assert other.exists()


def test_a_folder_that_is_gone_is_a_refusal(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="cannot be written: No such file"),
        whole_files(tmp_path / "gone" / "a.csv"),
    ):
        pass


def test_a_stream_gets_what_is_written(tmp_path: Path) -> None:
    sink = io.BytesIO()
    with stream(sink) as path:
        path.write_bytes(b"x" * 3_000_000)

    assert len(sink.getvalue()) == 3_000_000
    assert not list(tmp_path.iterdir())


def test_a_reader_that_went_away_ends_a_stream() -> None:
    class ClosedPipe(io.BytesIO):
        def write(self, _: object) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError), stream(ClosedPipe()) as path:
        path.write_bytes(b"x" * 3_000_000)


def test_the_command_says_that_the_standard_output_is_full(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    write_example_model(path)
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        finished = subprocess.run(
            [*MALL_SEGMENTS, "score", "-", "--model", path],
            check=False,
            input=b"ID,Age,Income,Score\n1,19,15,39\n",
            stdout=full,
            stderr=subprocess.PIPE,
        )

    assert finished.returncode == 1
    assert finished.stderr.decode().splitlines() == [
        "Error: the standard output cannot be written: No space left on device"
    ]


@pytest.mark.parametrize(
    ("redirection", "said"),
    [
        (">&-", "the standard output is closed: name a file to write with --output."),
        ("<&-", "the standard input is closed: name a file to score."),
        ("1</dev/null", "the standard output cannot be written: Bad file descriptor"),
    ],
)
def test_the_command_says_which_stream_is_closed(
    tmp_path: Path, redirection: str, said: str
) -> None:
    path = tmp_path / "model.json"
    write_example_model(path)
    finished = subprocess.run(
        [
            *("/bin/sh", "-c", f'exec "$@" {redirection}', "sh"),
            *(*MALL_SEGMENTS, "score", "-", "--model", path),
        ],
        check=False,
        input=b"ID,Age,Income,Score\n1,19,15,39\n",
        capture_output=True,
    )

    assert finished.returncode == 1
    assert finished.stderr.decode().splitlines() == [f"Error: {said}"]


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    path = tmp_path / "customers.csv"
    with path.open("w") as file:
        file.write("CustomerID,Gender,Age,Annual Income (k$),Spending Score (1-100)\n")
        for number in range(1, N_CUSTOMERS + 1):
            file.write(f"{number},Male,{18 + number % 60},{number % 150},")
            # One in a thousand is rejected.
            file.write(f"{number % 100 + 1 + 500 * (number % 1000 == 0)}\n")
    return path


def n_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


@pytest.mark.slow  # 6 kills, about 20 s
def test_killed_at_any_moment_it_leaves_whole_files_or_none(
    tmp_path: Path, customers: Path
) -> None:
    model = tmp_path / "model.json"
    write_example_model(model)
    output, rejected = tmp_path / "out.csv", tmp_path / "out_rejected.csv"
    command = [*MALL_SEGMENTS, "score", customers, "-o", output, "--model", model]
    started = time.perf_counter()
    finished = subprocess.run(command, check=False, capture_output=True)
    seconds = time.perf_counter() - started
    assert finished.returncode == 3, finished.stderr
    whole = output.read_bytes(), rejected.read_bytes()
    assert (n_lines(output), n_lines(rejected)) == (N_CUSTOMERS - 20 + 1, 20 + 1)

    random_ = random.Random(1)
    for _ in range(N_KILLS):
        output.unlink(missing_ok=True)
        rejected.unlink(missing_ok=True)
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(random_.uniform(0.3, 1) * seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path, content in zip((output, rejected), whole, strict=True):
            assert not path.exists() or path.read_bytes() == content
        if output.exists():
            assert rejected.exists()

    subprocess.run(command, check=False, capture_output=True)
    assert (output.read_bytes(), rejected.read_bytes()) == whole
    leftovers = [path for path in tmp_path.iterdir() if path.name.startswith(".out")]
    assert leftovers == []


def test_the_command_streams_to_a_pipe_and_stops_with_its_reader(
    tmp_path: Path, customers: Path
) -> None:
    path = tmp_path / "model.json"
    write_example_model(path)
    command = [*MALL_SEGMENTS, "score", "-", "--model", path]
    with (
        customers.open("rb") as file,
        subprocess.Popen(
            command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        header, first = process.stdout.readline(), process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()

    assert header.startswith(b"CustomerID,Gender,Age,")
    assert first.startswith(b"1,Male,19,1,2,4,Low income and low spending,Persona 4,")
    assert process.returncode == 1
    assert errors == b""


def test_the_command_says_what_became_of_the_rows(
    tmp_path: Path, customers: Path
) -> None:
    path = tmp_path / "model.json"
    write_example_model(path)
    output = tmp_path / "out.parquet"

    finished = subprocess.run(
        [*MALL_SEGMENTS, "score", customers, "-o", output, "--model", path],
        check=False,
        capture_output=True,
        text=True,
    )

    assert finished.returncode == 3
    assert finished.stdout == ""
    assert finished.stderr.splitlines() == [
        f"19,980 customers scored (income_spending, build {BUILD}): {output}",
        f"20 rows rejected: {tmp_path / 'out_rejected.csv'}",
        "  20  spending_score: above 100",
    ]


def test_ended_while_it_scores_it_leaves_nothing_behind(
    tmp_path: Path, customers: Path
) -> None:
    model, folder = tmp_path / "model.json", tmp_path / "temporary"
    write_example_model(model)
    folder.mkdir()
    with subprocess.Popen(
        [*MALL_SEGMENTS, "score", "-", "--model", model],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(folder)},
    ) as process:
        assert process.stdin is not None
        process.stdin.write(customers.read_bytes())
        process.stdin.flush()
        while not list(folder.glob("*/*")):
            time.sleep(0.05)
        process.terminate()
        process.wait()

    assert process.returncode == 1
    assert list(folder.iterdir()) == []
    assert not list(Path(tempfile.gettempdir()).glob(".out*"))


def test_the_command_reads_what_it_is_told(tmp_path: Path) -> None:
    model, source = tmp_path / "model.json", tmp_path / "customers.csv"
    write_example_model(model)
    lines = [f"{n};Größe;{n},5;{n}" for n in range(1, 40)]
    text = "\n".join(["Nummer;Gender;Income;Score", *lines, ""])
    source.write_text(text, encoding="cp1252")
    output = tmp_path / "out.csv"

    finished = subprocess.run(
        [
            *(*MALL_SEGMENTS, "score", source, "-o", output, "--model", model),
            *("--column", "customer_id=Nummer", "--encoding", "cp1252"),
            *("--decimal", ",", "--quiet"),
        ],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (finished.returncode, finished.stderr) == (0, "")
    assert (
        output.read_text(encoding="utf-8")
        .splitlines()[1]
        .startswith('1,Größe,"1,5",1,4,Low income and low spending,')
    )


def test_the_command_refuses_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    write_example_model(path)

    finished = subprocess.run(
        [*MALL_SEGMENTS, "score", "-", "--model", path],
        check=False,
        input=b"Name,Colour\nx,y\n",
        capture_output=True,
        env=os.environ | {"MALL_SEGMENTS_HOME": str(tmp_path)},
    )

    assert finished.returncode == 1
    assert finished.stderr.startswith(
        b"Error: 'standard input': no column is recognised as annual_income_kusd"
    )
    assert b"Traceback" not in finished.stderr

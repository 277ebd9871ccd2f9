"""Compare ``mall-segments score`` with DuckDB copying the same file.

``python benchmarks/scoring.py`` needs a home in which something is published
(MALL_SEGMENTS_HOME) and some 2 GB of room. Beside the two, DuckDB joins ready answers
to the file, the least that scoring can take. All run as processes of their own and take
turns; the best of each counts, since whatever else runs only slows them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import duckdb

from mall_segments.home import find_home

BIN: Final = Path(sys.executable).parent
RESULTS: Final = Path(__file__).parent / "results" / "scoring.json"
FORMATS: Final = ("csv", "parquet")
SOME_REJECTED: Final = 3

# One customer in a thousand lacks a value, and one has a score that is none.
CUSTOMERS: Final = """
    select
        range + 1 as "CustomerID",
        if(hash(range, 1) % 2 = 0, 'Male', 'Female') as "Gender",
        18 + hash(range, 2) % 53 as "Age",
        nullif(15 + hash(range, 3) % 123, if(hash(range, 5) % 8 = 0, 99, 0))
            as "Annual Income (k$)",
        1 + hash(range, 4) % 100 + if(hash(range, 6) % 1000 = 0, 100, 0)
            as "Spending Score (1-100)"
    from range({n_customers})
"""

# What each pair of feature values was answered ...
ANSWERS: Final = """
    select distinct
        "Annual Income (k$)" as income, "Spending Score (1-100)" as score,
        columns(* exclude ("CustomerID", "Gender", "Age", "Annual Income (k$)",
            "Spending Score (1-100)"))
    from '{output}'
"""

# ... and the least it takes to write it beside the file's own columns, unchecked.
BARE_JOIN: Final = """
    select customers.*, answers.* exclude (income, score)
    from '{source}' as customers
    inner join '{answers}' as answers
        on customers."Annual Income (k$)" is not distinct from answers.income
        and customers."Spending Score (1-100)" is not distinct from answers.score
"""


def run(command: list[object]) -> dict[str, float]:
    """Run a command; answer how long it took, and what it used of processors."""
    used = cpu_seconds()
    started = time.perf_counter()
    finished = subprocess.run(
        [str(part) for part in command], capture_output=True, check=False, text=True
    )
    seconds = time.perf_counter() - started
    if finished.returncode not in (0, SOME_REJECTED):
        raise RuntimeError(finished.stderr)
    return {"seconds": seconds, "cpu_seconds": cpu_seconds() - used}


def cpu_seconds() -> float:
    """Return what ended processes have used."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def compare(home: Path, folder: Path, form: str, n_rounds: int) -> dict[str, Any]:
    """Score and copy a file in turns."""
    source, output = folder / f"customers.{form}", folder / f"output.{form}"
    copy = f"import duckdb; duckdb.sql(\"copy (from '{source}') to '{output}'\")"
    score = [BIN / "mall-segments", "--home", home, "score", source, "-o", output]
    run(score)
    answers = folder / "answers.parquet"
    duckdb.execute(f"copy ({ANSWERS.format(output=output)}) to '{answers}'")
    query = BARE_JOIN.format(source=source, answers=answers)
    join = f'import duckdb; duckdb.sql("""copy ({query}) to \'{output}\'""")'
    commands: dict[str, list[object]] = {
        "copy": [sys.executable, "-c", copy],
        "bare_join": [sys.executable, "-c", join],
        "score": score,
    }
    rounds = []
    for _ in range(n_rounds):
        measured = {}
        for side, command in commands.items():
            output.unlink()
            measured[side] = run(command)
        rounds.append(measured)
    output.unlink()

    def ratio(figure: str, side: str = "score") -> float:
        best = {name: min(each[name][figure] for each in rounds) for name in commands}
        return best["copy"] / best[side]

    return {
        "megabytes": source.stat().st_size / 1e6,
        "share_of_the_speed_of_copying": ratio("seconds"),
        "by_processor_time": ratio("cpu_seconds"),
        "share_by_a_bare_join": ratio("seconds", "bare_join"),
        "by_processor_time_by_a_bare_join": ratio("cpu_seconds", "bare_join"),
        "rounds": rounds,
    }


def main() -> None:
    """Measure, write the results, and print what counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--output", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    results: dict[str, Any] = {
        "n_processors": os.cpu_count(),
        "load_average_before": os.getloadavg()[0],
        "n_customers": chosen.customers,
    }
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMATS:
            query = CUSTOMERS.format(n_customers=chosen.customers)
            duckdb.execute(f"copy ({query}) to '{folder}/customers.{form}'")
            found = compare(find_home(None), Path(folder), form, chosen.rounds)
            results[form] = found
            print(form, {name: found[name] for name in found if name != "rounds"})
    chosen.output.parent.mkdir(exist_ok=True)
    chosen.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

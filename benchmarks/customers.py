"""Generate customer files of any size: the shipped customers, with integer jitter.

    python benchmarks/customers.py 10_000_000 customers.parquet
    python benchmarks/customers.py 1e9 customers/ --files 40

Each customer is one of the 200 shipped ones, drawn by a hash of the row's number and
the seed, and moved by a few years, thousands and points, drawn likewise. So a row
depends on nothing but its number and the seed: neither on threads nor on how many files
share the rows. The engine writes the rows; none of them enters Python.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb

PROJECT = Path(__file__).resolve().parents[1]
SEED_FILE = PROJECT / "seeds" / "Mall_Customers.csv"

# How far customers are moved, as the sum of two steps to either side: the jitter is
# triangular, in the unit of the column.
JITTER = {"age": 6, "income": 12, "score": 12}

# A hash has 64 bits; so many of them make an even draw.
_MODULUS = 1_000_003

N_SHIPPED = 200


def write_customers(
    target: Path,
    n_customers: int,
    *,
    seed: int = 1,
    n_files: int = 1,
    n_extra_features: int = 0,
    dirty_share: float = 0.0,
    duplicate_share: float = 0.0,
    decimals: int = 0,
) -> list[Path]:
    """Write customers to Parquet.

    Parameters
    ----------
    target : Path
        The file; with more than one, the folder.
    n_customers : int
        Rows to write, duplicates among them.
    seed : int
        Another seed draws other customers.
    n_files : int
        Files that share the rows.
    n_extra_features : int
        Columns to add: ``Extra 1``, ``Extra 2`` ..., whole numbers from 0 to 99.
    dirty_share : float
        Rows of which one value is missing, out of range or no number; all columns
        are text then.
    duplicate_share : float
        Rows that repeat the row before them.
    decimals : int
        Decimals of the income: with 0 it is whole, as published.

    Returns
    -------
    list of Path
        The files written.
    """
    if n_files == 1:
        target.parent.mkdir(parents=True, exist_ok=True)
        files = [target]
    else:
        target.mkdir(parents=True, exist_ok=True)
        files = [target / f"customers_{number:04}.parquet" for number in range(n_files)]
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = true")
        for number, file in enumerate(files):
            rows = _rows(
                n_customers * number // n_files,
                n_customers * (number + 1) // n_files,
                seed=seed,
                n_extra_features=n_extra_features,
                dirty_share=dirty_share,
                duplicate_share=duplicate_share,
                decimals=decimals,
            )
            connection.execute(f"COPY ({rows}) TO '{file}' (FORMAT parquet)")
    return files


def _rows(
    first: int,
    end: int,
    *,
    seed: int,
    n_extra_features: int,
    dirty_share: float,
    duplicate_share: float,
    decimals: int,
) -> str:
    def draw(name: str, n_values: int) -> str:
        return f"(hash(n, {seed}, '{name}') % {n_values})::INTEGER"

    def jitter(name: str) -> str:
        width = JITTER[name]
        steps = (draw(f"{name} {step}", width + 1) for step in (1, 2))
        return f"{' + '.join(steps)} - {width}"

    def is_drawn(name: str, share: float) -> str:
        return f"{draw(name, _MODULUS)} < {round(share * _MODULUS)}"

    extra = "".join(
        f', {draw(f"extra {number}", 100)} AS "Extra {number}"'
        for number in range(1, n_extra_features + 1)
    )
    shipped = {
        name: f"({values})[1 + {draw('customer', N_SHIPPED)}]"
        for name, values in _shipped_columns().items()
    }
    score = shipped["Spending Score (1-100)"]
    income = f"greatest(15, {shipped['Annual Income (k$)']} + {jitter('income')})"
    if decimals:
        income += f" + {draw('decimals', 10**decimals)} / {10**decimals}"
    clean = f"""
        SELECT
            n + 1 AS "CustomerID",
            {shipped["Gender"]} AS "Gender",
            greatest(18, least(80, {shipped["Age"]} + {jitter("age")})) AS "Age",
            {income} AS "Annual Income (k$)",
            greatest(1, least(100, {score} + {jitter("score")}))
                AS "Spending Score (1-100)"{extra}
        FROM numbered
    """
    number = "row_number"
    if duplicate_share:
        # The row before is no duplicate itself, so that no row is repeated twice.
        number = (
            f"row_number - CASE WHEN row_number % 2 = 1 AND hash(row_number, {seed}, "
            f"'duplicate') % {_MODULUS} < {round(2 * duplicate_share * _MODULUS)} "
            "THEN 1 ELSE 0 END"
        )
    rows = f"""
        WITH numbered AS (
            SELECT row_number, {number} AS n
            FROM (SELECT range AS row_number FROM range({first}, {end}))
        )
        {clean}
    """
    if not dirty_share:
        return rows
    return f"""
        WITH clean AS (FROM ({rows})), marked AS (
            SELECT *, "CustomerID" - 1 AS n FROM clean
        )
        SELECT * EXCLUDE (n) REPLACE (
            "CustomerID"::VARCHAR AS "CustomerID",
            CASE WHEN {is_drawn("dirt", dirty_share)} THEN
                (['', '?', 'unknown age', '-3', '230'])[1 + {draw("kind", 5)}]
            ELSE "Age"::VARCHAR END AS "Age",
            "Annual Income (k$)"::VARCHAR AS "Annual Income (k$)",
            "Spending Score (1-100)"::VARCHAR AS "Spending Score (1-100)"
        )
        FROM marked
    """


def _shipped_columns() -> dict[str, list[int] | list[str]]:
    """Read the shipped customers as a list for each column."""
    with duckdb.connect() as connection:
        columns = connection.read_csv(str(SEED_FILE)).fetchnumpy()
    return {name: values.tolist() for name, values in columns.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file or files that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("n_customers", type=lambda text: int(float(text)))
    parser.add_argument("target", type=Path, help="a file; with --files, a folder")
    parser.add_argument("--files", type=int, default=1, dest="n_files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n-extra-features", type=int, default=0)
    parser.add_argument("--dirty-share", type=float, default=0.0)
    parser.add_argument("--duplicate-share", type=float, default=0.0)
    parser.add_argument("--decimals", type=int, default=0)
    options = vars(parser.parse_args(arguments))
    files = write_customers(**options)
    n_bytes = sum(file.stat().st_size for file in files)
    print(f"{len(files)} file(s), {n_bytes:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

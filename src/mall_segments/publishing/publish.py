"""Publish what a build made: one complete generation for BI tools, or nothing."""

from __future__ import annotations

import glob
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb
import yaml

from mall_segments.errors import PublishError
from mall_segments.home import find_home, published_folder
from mall_segments.model import Model, write_model
from mall_segments.publishing.csv_cells import harmless, harmless_name
from mall_segments.publishing.generations import (
    DATABASE,
    MODEL,
    file_sha256,
)
from mall_segments.publishing.sealed_json import canonical_sha256
from mall_segments.publishing.switching import new_generation, seal_generation
from mall_segments.publishing.tables import (
    CHECKSUM_METHOD,
    STORAGE_VERSION,
    Relation,
    attached,
    copy_tables,
    count_rows,
    describe_table,
    quote_identifier,
    quote_text,
    reason,
    tables_and_views,
    view_query,
)
from mall_segments.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    import pandas as pd

    from mall_segments.settings import Feature

    ArtefactWriter = Callable[[Path], None]

CUSTOMERS_CSV: Final = "segmented_mall_customers.csv"
MODEL_SQL: Final = "model.sql"
PARQUET: Final = "parquet"
SEED: Final = Path("seeds") / "Mall_Customers.csv"

CUSTOMERS: Final = "dim_customers"
ROW_LEVEL_TABLES: Final = (
    CUSTOMERS,
    "fct_customer_segments",
    "fct_customer_movements",
    "fct_customer_rfm",
    "fct_rejected_orders",
)

_CHANGED: Final = (
    "the settings were changed since these tables were built, so they are not "
    "what the settings describe now: run `dbt build` instead of `dbt retry`"
)
_PACKAGES: Final = ("mall-segments", "dbt-core", "dbt-duckdb", "duckdb", "scikit-learn")
_PUBLISHED_TYPES: Final = {
    "build_id": "string",
    "table_name": "string",
    "n_rows": "int64",
    "n_columns": "int64",
    "checksum": "string",
    "bytes_parquet": "Int64",
    "published_at": "datetime64[us]",
}
MEASURES: Final = {
    "rows": "input rows",
    "accepted": "accepted customers",
    "rejected": "rejected rows",
    "imputed": "imputed customers",
}


def qualify(database: str, schema: str, names: Iterable[str]) -> dict[str, Relation]:
    """Return the relation of each table name."""
    return {name: Relation(database, schema, name) for name in names}


def settings_sha256(settings: Mapping[str, Any]) -> str:
    """Hash the settings among the vars, alike for all spellings that mean the same."""
    return canonical_sha256(read_settings(settings).model_dump(mode="json"))


def built_settings(text: str) -> tuple[Settings, str]:
    """Read the settings that the first node of a build stored, and hash them."""
    settings = read_settings(yaml.safe_load(text.replace("␤", "\n")))
    return settings, settings_sha256(settings.model_dump(mode="json"))


def publish_generation(
    connection: Any,
    tables: Mapping[str, Relation],
    model: Model,
    *,
    viewed: Mapping[str, Relation] | None = None,
    customers: Relation | str,
    input_counts: Relation | str,
    settings: Mapping[str, Any],
    built_with: str,
    invocation: str,
    home: str | Path | None = None,
    project: Path | None = None,
    artefacts: Sequence[ArtefactWriter] = (),
) -> pd.DataFrame:
    """Write and switch to a generation that holds the tables given, or change nothing.

    ``viewed`` are the relations that row-level tables read where they are views, which
    are published with them above ``export_rows_limit``; ``customers`` that of accepted
    customers as they came, for the CSV file. Returns a row per table.
    """
    from mall_segments.scoring.model_sql import render_model_sql  # noqa: PLC0415

    parsed = read_settings(settings)
    if settings_sha256(settings) != built_with:
        raise PublishError(_CHANGED)
    root = find_home(home)
    published_at = datetime.now(UTC)
    files = _describe_input(parsed, project or Path())
    with new_generation(
        root, model.build_id, keep_generations=parsed.keep_generations
    ) as draft:
        folder = draft.folder
        try:
            with closing(connection.cursor()) as cursor:
                described = _write_tables(cursor, folder, tables, viewed or {}, parsed)
                exported = described[CUSTOMERS]["parquet"] is not None
                if exported:
                    _write_customers_csv(cursor, customers, folder / CUSTOMERS_CSV)
                counts = _input_counts(cursor, input_counts)
        except duckdb.Error as error:
            raise PublishError(
                f"{published_folder(root)} cannot be written: {reason(error)}"
            ) from None
        model = write_model(folder / MODEL, model)
        (folder / MODEL_SQL).write_text(render_model_sql(model), "utf-8")
        for write_artefact in artefacts:
            write_artefact(folder)
        content = {
            "created_at": published_at.isoformat(),
            "invocation": invocation,
            "versions": {package: version(package) for package in _PACKAGES},
            "storage_version": STORAGE_VERSION,
            "settings": parsed.model_dump(mode="json"),
            "settings_sha256": built_with,
            "input": {"files": files, **counts},
            "row_level_exported": exported,
            "checksum_method": CHECKSUM_METHOD,
            "tables": described,
        }
        seal_generation(draft, content)
    return published_tables(
        draft.build_id, described, published_at.replace(tzinfo=None)
    )


def input_files(path: str, project: Path) -> list[Path]:
    """List the files that a path, or a glob of many, names, in order."""
    # A file may be named like a pattern, so an existing path is taken as it is.
    given = project / Path(path).expanduser()
    if given.is_file():
        return [given]
    found = glob.glob(str(given), recursive=True)  # noqa: PTH207
    return sorted(entry for entry in map(Path, found) if entry.is_file())


def describe_tables(
    cursor: Any, folder: Path, names: Iterable[str], exported: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Describe tables of a generation's database; write some of them as Parquet files.

    What is described is read from the file, so that it is what readers get.
    """
    described = {}
    (folder / PARQUET).mkdir()
    with attached(cursor, folder / DATABASE, read_only=True) as alias:
        is_view = tables_and_views(cursor, alias)
        for name in names:
            relation = Relation(alias, "main", name)
            table = describe_table(cursor, relation, as_view=is_view[name])
            table["parquet"] = None
            if name in exported:
                table["parquet"] = f"{PARQUET}/{name}.parquet"
                path = folder / table["parquet"]
                cursor.execute(
                    f"COPY {relation} TO {quote_text(str(path))} (FORMAT parquet)"
                )
                table["bytes_parquet"] = path.stat().st_size
            described[name] = table
    return described


def _write_tables(
    cursor: Any,
    folder: Path,
    tables: Mapping[str, Relation],
    viewed: Mapping[str, Relation],
    settings: Settings,
) -> dict[str, dict[str, Any]]:
    is_exported = count_rows(cursor, tables[CUSTOMERS]) <= settings.export_rows_limit
    exported = {*tables} if is_exported else {*tables} - {*ROW_LEVEL_TABLES}
    views: set[str] = set()
    if not is_exported:
        rows = {name: tables[name] for name in ROW_LEVEL_TABLES if name in tables}
        if any(view_query(cursor, relation) for relation in rows.values()):
            tables, rows = {**tables, **viewed}, {**rows, **viewed}
        views = {name for name in rows if view_query(cursor, rows[name])}
    comments = _column_comments(settings.columns)
    copy_tables(cursor, tables, folder / DATABASE, views=views, comments=comments)
    return describe_tables(cursor, folder, tables, exported)


def _column_comments(features: Iterable[Feature]) -> dict[str, str]:
    """Say what the columns mean that follow the features, which no YAML can."""
    comments: dict[str, str] = {}
    for feature in features:
        name = feature.name
        told = f"{feature.label} ({feature.unit})" if feature.unit else feature.label
        centroid = "Mean" if feature.type == "number" else "Most frequent level of"
        comments |= {
            name: f"The customer's {told}.",
            f"{name}_text": f"The customer's {told} as it was given.",
            f"is_{name}_imputed": f"Whether the {feature.label} was missing.",
            f"centroid_{name}": f"{centroid} {told} of the segment.",
            f"scaled_centroid_{name}": f"Mean {feature.label} of the segment, scaled.",
        }
        if feature.bands:
            comments[feature.bands.name] = f"The band of the customer's {told}."
    return comments


def _write_customers_csv(cursor: Any, relation: Relation | str, path: Path) -> None:
    described = cursor.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()  # noqa: S608
    names = [row[0] for row in described if row[0].lower() != "source_row"]
    cells = ", ".join(
        f"{harmless(quote_identifier(name) + '::VARCHAR')} "
        f"AS {quote_identifier(harmless_name(name))}"
        for name in names
    )
    cursor.execute(
        f"COPY (SELECT {cells} FROM {relation} ORDER BY source_row) "  # noqa: S608
        f"TO {quote_text(str(path))} (FORMAT csv, HEADER)"
    )


def _input_counts(cursor: Any, relation: Relation | str) -> dict[str, int]:
    found = dict(
        cursor.execute(
            f"SELECT measure, n::BIGINT FROM {relation} "  # noqa: S608
            "WHERE coalesce(subject, '') = ''"
        ).fetchall()
    )
    missing = [measure for measure in MEASURES.values() if measure not in found]
    if missing:
        raise PublishError(f"fct_input_counts has no measure {', '.join(missing)}")
    counts = {key: found[measure] for key, measure in MEASURES.items()}
    if counts["accepted"] + counts["rejected"] != counts["rows"]:
        raise PublishError(
            f"{counts['accepted']} accepted customers and {counts['rejected']} "
            f"rejected rows do not add up to {counts['rows']} input rows"
        )
    return counts


def _describe_input(settings: Settings, project: Path) -> list[dict[str, Any]]:
    """Say which files were read; of a model of the user's own, dbt knows."""
    files: list[Path] = []
    for what in ("customers", "orders"):
        path = getattr(settings, f"{what}_path")
        if path:
            found = input_files(path, project)
            if not found:
                raise PublishError(f"{what}_path={path!r} is not there any more")
            files += found
    if not (files or settings.customers_model or settings.orders_model):
        files = [project / SEED]
    try:
        return [
            {
                "path": path.as_posix(),
                "bytes": path.stat().st_size,
                "sha256": file_sha256(path),
            }
            for path in files
        ]
    except OSError as error:
        raise PublishError(
            f"the customer file {error.filename} cannot be read: {error.strerror}"
        ) from None


def published_tables(
    build_id: str,
    described: Mapping[str, Mapping[str, Any]],
    published_at: datetime | None = None,
) -> pd.DataFrame:
    """Return the rows of ``fct_published_tables``, one per table."""
    import pandas as pd  # noqa: PLC0415 - heavy

    rows = [
        {
            "build_id": build_id,
            "table_name": name,
            "n_rows": table["n_rows"],
            "n_columns": len(table["columns"]),
            "checksum": table["checksum"],
            "bytes_parquet": table.get("bytes_parquet"),
            "published_at": published_at,
        }
        for name, table in described.items()
    ]
    return pd.DataFrame(rows, columns=list(_PUBLISHED_TYPES)).astype(_PUBLISHED_TYPES)

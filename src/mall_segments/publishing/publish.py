"""Publish what a build made: one complete generation for BI tools, or nothing."""

import glob
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from mall_segments.intake.csv_cells import neutralised
from mall_segments.engine import text_type
from mall_segments.errors import ModelError, PublishError
from mall_segments.publishing.generations import (
    CURRENT,
    DATABASE,
    MODEL,
    Draft,
    current_generation,
    file_sha256,
    new_build_id,
    new_generation,
    read_current,
    seal_generation,
)
from mall_segments.home import find_home, published_folder
from mall_segments.model_file import (
    MODEL_FORMAT,
    SEGMENT_FIELDS,
    Model,
    load_model,
    write_model,
)
from mall_segments.settings import SETTING_NAMES, Settings, parse_settings
from mall_segments.publishing.tables import (
    CHECKSUM_METHOD,
    STORAGE_VERSION,
    attached,
    copy_tables,
    count_rows,
    describe_table,
    is_view,
    quote_identifier,
    quote_text,
    read_rows,
    reason,
)

if TYPE_CHECKING:
    import pandas as pd

CUSTOMERS_CSV = "segmented_mall_customers.csv"
PARQUET = "parquet"
SEED = Path("seeds") / "Mall_Customers.csv"

CUSTOMERS = "dim_customers"
ROW_LEVEL_TABLES = (CUSTOMERS, "fct_customer_segments")

# What row-level views read besides tables that are published anyway.
VIEWED_TABLES = (
    "int_customer_combinations",
    "int_combinations_imputed",
    "int_combination_segments",
)

# Relations that are read but not published as tables.
SOURCES = (
    "segments",
    "int_feature_statistics",
    "int_scaler_parameters",
    "int_customers_segmented",
    "int_input_counts",
    *VIEWED_TABLES,
)

_PACKAGES = ("mall-segments", "dbt-core", "dbt-duckdb", "duckdb", "scikit-learn")

ArtefactWriter = Callable[[Path, Path], None]


def qualify(database: str, schema: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """Pair table names with their qualified, quoted relations.

    Examples
    --------
    >>> qualify("warehouse", "main", ["dim_segments"])
    [('dim_segments', '"warehouse"."main"."dim_segments"')]
    """
    return [
        (name, ".".join(map(quote_identifier, (database, schema, name))))
        for name in names
    ]


def publish_generation(
    connection: Any,
    tables: Sequence[tuple[str, str]],
    sources: Sequence[tuple[str, str]],
    *,
    settings: Mapping[str, Any],
    invocation: str,
    build_id: str | None = None,
    home: str | Path | None = None,
    project: Path | None = None,
    artefacts: Sequence[ArtefactWriter] = (),
) -> "pd.DataFrame":
    """Write and switch to a new generation that holds the tables given.

    Parameters
    ----------
    connection : DuckDB connection
        Open on the working database; only a cursor of it is used, which sees what
        is committed.
    tables : sequence of (name, relation)
        The tables to publish, `dim_segments` among them, see `qualify`.
    sources : sequence of (name, relation)
        The relations named in ``SOURCES``: what the model file, the CSV file and
        the input counts are made of.
    settings : Mapping
        The vars of ``dbt_project.yml``; other keys are ignored.
    invocation : str
        The id of the dbt invocation; its first digits end the build id.
    build_id : str, optional
        The name of the generation, where tables mention it; see `new_build_id`.
    home : str or Path, optional
        The folder that holds ``published/``, see `find_home`.
    project : Path, optional
        The folder that holds ``seeds/``; the current folder by default.
    artefacts : sequence of callable
        Each is called with the generation's folder and its DuckDB file, after
        tables and model are written, and may add files to the folder.

    Returns
    -------
    pandas.DataFrame
        One row per table: build_id, table_name, n_rows, n_columns, checksum,
        bytes_parquet (missing where no Parquet file was written) and published_at
        (UTC).

    Raises
    ------
    PublishError
        If the generation cannot be written or another build is publishing; what
        was published before is untouched then.
    """
    relations = _check_relations(tables, sources)
    parsed = parse_settings(
        {name: settings[name] for name in SETTING_NAMES if name in settings}
    )
    root = find_home(home)
    created_at = datetime.now(UTC)
    files = _describe_input(parsed.customers_path, project or Path())
    with new_generation(
        root,
        build_id or new_build_id(invocation, now=created_at),
        keep_generations=parsed.keep_generations,
    ) as draft:
        retired = _used_segment_ids(root)
        cursor = connection.cursor()
        try:
            described = _write_tables(
                cursor, draft.folder, relations, dict(tables), parsed.export_rows_limit
            )
            exported = described[CUSTOMERS]["parquet"] is not None
            if exported:
                _write_customers_csv(
                    cursor,
                    relations["int_customers_segmented"],
                    draft.folder / CUSTOMERS_CSV,
                )
            model = _model_content(cursor, relations, parsed, draft, created_at)
            counts = _input_counts(cursor, relations["int_input_counts"])
        except duckdb.Error as error:
            raise PublishError(
                f"{published_folder(root)} cannot be written: {reason(error)}"
            ) from None
        finally:
            cursor.close()
        write_model(draft.folder / MODEL, _with_retired_ids(model, retired))
        for write_artefact in artefacts:
            write_artefact(draft.folder, draft.folder / DATABASE)
        seal_generation(
            draft,
            {
                "created_at": created_at.isoformat(),
                "invocation": invocation,
                "versions": {package: _version(package) for package in _PACKAGES},
                "storage_version": STORAGE_VERSION,
                "settings": asdict(parsed),
                "input": {"files": files, **counts},
                "row_level_exported": exported,
                "checksum_method": CHECKSUM_METHOD,
                "tables": described,
            },
        )
    return _published_tables(draft.build_id, described, created_at)


def input_files(customers_path: str | None, project: Path) -> list[Path]:
    """List the files the customers were read from, in order.

    Parameters
    ----------
    customers_path : str or None
        A path, or a glob of many; None for the seed.
    project : Path
        The folder that holds ``seeds/`` and that paths are relative to.
    """
    if not customers_path:
        return [project / SEED]
    # A file may be named like a pattern, so an existing path is taken as it is.
    path = project / Path(customers_path).expanduser()
    if path.is_file():
        return [path]
    found = glob.glob(str(path), recursive=True)  # noqa: PTH207
    return sorted(entry for entry in map(Path, found) if entry.is_file())


def read_published_segments(
    home: str | Path | None = None, *, features: Sequence[str] | None = None
) -> "pd.DataFrame":
    """Read every segment id readers ever saw, so that the next build keeps them.

    Parameters
    ----------
    home : str or Path, optional
        The folder that holds ``published/``, see `find_home`.
    features : sequence of str, optional
        The features to give centroid columns to; those of the published model by
        default.

    Returns
    -------
    pandas.DataFrame
        One row per segmentation and segment id: segmentation, segment_id, is_retired,
        segment_name, persona, recommended_action and ``centroid_<feature>`` in
        original units. A retired id (used before, not in the current generation) has
        only its id; a feature that a segmentation does not use is missing. Empty
        before the first build.

    Raises
    ------
    PublishError
        If the published model is damaged; the message says what to do.
    """
    import pandas as pd  # noqa: PLC0415

    model = _published_model(find_home(home))
    segmentations = model.segmentations if model else ()
    if features is None:
        features = [feature.name for feature in model.features] if model else []
    rows: list[dict[str, Any]] = []
    for segmentation in segmentations:
        rows += [
            {
                "segmentation": segmentation.name,
                "segment_id": segment.segment_id,
                "is_retired": False,
                "segment_name": segment.segment_name,
                "persona": segment.persona,
                "recommended_action": segment.recommended_action,
                **{f"centroid_{name}": segment.centroid.get(name) for name in features},
            }
            for segment in segmentation.segments
        ]
        rows += [
            {
                "segmentation": segmentation.name,
                "segment_id": segment_id,
                "is_retired": True,
            }
            for segment_id in segmentation.retired_segment_ids
        ]
    types: dict[str, Any] = {
        "segmentation": text_type(),
        "segment_id": "int64",
        "is_retired": "bool",
        "segment_name": text_type(),
        "persona": text_type(),
        "recommended_action": text_type(),
        **{f"centroid_{name}": "float64" for name in features},
    }
    return pd.DataFrame(rows, columns=list(types)).astype(types)


def _check_relations(
    tables: Sequence[tuple[str, str]], sources: Sequence[tuple[str, str]]
) -> dict[str, str]:
    names = [name for name, _ in tables]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise PublishError(f"tables named twice: {', '.join(repeated)}")
    relations = {**dict(sources), **dict(tables)}
    required = [*SOURCES, "dim_segments", CUSTOMERS]
    missing = [name for name in required if name not in relations]
    if missing:
        raise PublishError(
            f"nothing to publish {', '.join(missing)} from; "
            f"given are {', '.join(sorted(relations)) or 'no relations'}"
        )
    return relations


def _write_tables(
    cursor: Any,
    folder: Path,
    relations: Mapping[str, str],
    tables: Mapping[str, str],
    export_rows_limit: int,
) -> dict[str, dict[str, Any]]:
    n_customers = count_rows(cursor, tables[CUSTOMERS])
    views = [
        name
        for name in ROW_LEVEL_TABLES
        if n_customers > export_rows_limit and is_view(cursor, tables[name])
    ]
    if views:
        tables = {**tables, **{name: relations[name] for name in VIEWED_TABLES}}
    copy_tables(cursor, list(tables.items()), folder / DATABASE, views=views)
    (folder / PARQUET).mkdir()
    # From the file just written, so that what is described is what readers get.
    with attached(cursor, folder / DATABASE, read_only=True) as schema:
        described = {
            name: describe_table(
                cursor, f"{schema}.{quote_identifier(name)}", as_view=name in views
            )
            for name in tables
        }
        for name, table in described.items():
            table["parquet"] = None
            if n_customers <= export_rows_limit or name not in (
                *ROW_LEVEL_TABLES,
                *VIEWED_TABLES,
            ):
                table["parquet"] = f"{PARQUET}/{name}.parquet"
                cursor.execute(
                    f"COPY {schema}.{quote_identifier(name)} "
                    f"TO {quote_text(str(folder / table['parquet']))} (FORMAT parquet)"
                )
                table["bytes_parquet"] = (folder / table["parquet"]).stat().st_size
    return described


def _write_customers_csv(cursor: Any, relation: str, path: Path) -> None:
    described = cursor.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()  # noqa: S608
    names = [row[0] for row in described if row[0].lower() != "source_row"]
    cells = ", ".join(
        f"{neutralised(quote_identifier(name) + '::VARCHAR')} "
        f"AS {quote_identifier(_neutralised_name(cursor, name))}"
        for name in names
    )
    cursor.execute(
        f"COPY (SELECT {cells} FROM {relation} ORDER BY source_row) "  # noqa: S608
        f"TO {quote_text(str(path))} (FORMAT csv, HEADER)"
    )


def _neutralised_name(cursor: Any, name: str) -> str:
    row = cursor.execute(f"SELECT {neutralised('$1::VARCHAR')}", [name]).fetchone()
    return str(row[0])


def _model_content(
    cursor: Any,
    relations: Mapping[str, str],
    settings: Settings,
    draft: Draft,
    created_at: datetime,
) -> dict[str, Any]:
    medians = {
        row["feature"]: row["median"]
        for row in read_rows(cursor, relations["int_feature_statistics"])
    }
    scalers = {
        (row["segmentation"], row["feature"]): row
        for row in read_rows(cursor, relations["int_scaler_parameters"])
    }
    fitted = {
        (row["segmentation"], row["segment_id"]): row
        for row in read_rows(cursor, relations["segments"])
    }
    segments = [
        {**fitted.get((row["segmentation"], row["segment_id"]), {}), **row}
        for row in read_rows(cursor, relations["dim_segments"])
    ]
    segments.sort(key=lambda row: (row["segmentation"], row["segment_id"]))
    try:
        return {
            "format": MODEL_FORMAT,
            "build_id": draft.build_id,
            "created_at": created_at.isoformat(),
            "features": [
                {
                    "name": feature.name,
                    "label": feature.label,
                    "aliases": list(feature.aliases),
                    "minimum": feature.minimum,
                    "maximum": feature.maximum,
                    "resolution": feature.resolution,
                    "is_whole": feature.is_whole,
                    "median": medians[feature.name],
                }
                for feature in settings.features
            ],
            "customer_id": {"aliases": list(settings.customer_id.aliases)},
            "gender": {
                "aliases": list(settings.gender.aliases),
                "female": list(settings.gender.female),
                "male": list(settings.gender.male),
            },
            "missing_values": settings.missing_values,
            "segmentations": [
                {
                    "name": segmentation.name,
                    "scaler": segmentation.scaler,
                    "random_seed": segmentation.random_seed,
                    "features": [
                        {
                            "name": name,
                            "center": scalers[segmentation.name, name]["center"],
                            "scale": scalers[segmentation.name, name]["scale"],
                        }
                        for name in segmentation.features
                    ],
                    "segments": [
                        _segment_content(row, segmentation.features)
                        for row in segments
                        if row["segmentation"] == segmentation.name
                    ],
                }
                for segmentation in settings.segmentations
            ],
        }
    except KeyError as error:
        raise PublishError(
            f"the model has no {error}: a setting, column or row of that name is "
            "missing in settings, dim_segments, segments, int_feature_statistics or "
            "int_scaler_parameters"
        ) from None


def _segment_content(row: Mapping[str, Any], features: Sequence[str]) -> dict[str, Any]:
    return {
        **{key: row[key] for key in ("segment_id", *SEGMENT_FIELDS)},
        "centroid": {name: row[f"centroid_{name}"] for name in features},
        "scaled_centroid": {name: row[f"scaled_centroid_{name}"] for name in features},
    }


def _with_retired_ids(
    content: Mapping[str, Any], used: Mapping[str, set[int]]
) -> dict[str, Any]:
    segmentations = []
    for segmentation in content["segmentations"]:
        segment_ids = {row["segment_id"] for row in segmentation["segments"]}
        segmentations.append(
            {
                **segmentation,
                "n_segments": len(segment_ids),
                "retired_segment_ids": sorted(
                    used.get(segmentation["name"], set()) - segment_ids
                ),
            }
        )
    return {**content, "segmentations": segmentations}


def _input_counts(cursor: Any, relation: str) -> dict[str, int]:
    counts = {
        row["measure"]: int(row["n"])
        for row in read_rows(cursor, relation)
        if not row["subject"]
    }
    try:
        rows, accepted, rejected, imputed = (
            counts[measure]
            for measure in (
                "input rows",
                "accepted customers",
                "rejected rows",
                "imputed customers",
            )
        )
    except KeyError as error:
        raise PublishError(f"int_input_counts has no measure {error}") from None
    if accepted + rejected != rows:
        raise PublishError(
            f"{accepted} accepted customers and {rejected} rejected rows do not add "
            f"up to {rows} input rows"
        )
    return {
        "rows": rows,
        "accepted": accepted,
        "rejected": rejected,
        "imputed": imputed,
    }


def _describe_input(customers_path: str | None, project: Path) -> list[dict[str, Any]]:
    files = input_files(customers_path, project)
    if not files:
        raise PublishError(f"customers_path={customers_path!r} is not there any more")
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


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _published_model(home: Path) -> Model | None:
    if current_generation(home) is None:
        return None
    try:
        return load_model(read_current(home).file(MODEL))
    except (ModelError, PublishError) as error:
        raise PublishError(
            f"{error}\nSegment ids are kept from build to build, so this needs a "
            "decision: switch to an intact generation with `mall-segments rollback`, "
            f"or delete {published_folder(home) / CURRENT} to number segments anew."
        ) from None


def _used_segment_ids(home: Path) -> dict[str, set[int]]:
    model = _published_model(home)
    return _ids_by_segmentation(model) if model else {}


def _ids_by_segmentation(model: Model) -> dict[str, set[int]]:
    return {
        segmentation.name: {
            *segmentation.retired_segment_ids,
            *(segment.segment_id for segment in segmentation.segments),
        }
        for segmentation in model.segmentations
    }


def _published_tables(
    build_id: str, described: Mapping[str, Mapping[str, Any]], created_at: datetime
) -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415

    return pd.DataFrame(
        [
            {
                "build_id": build_id,
                "table_name": name,
                "n_rows": table["n_rows"],
                "n_columns": len(table["columns"]),
                "checksum": table["checksum"],
                "bytes_parquet": table.get("bytes_parquet"),
                "published_at": created_at.replace(tzinfo=None),
            }
            for name, table in described.items()
        ]
    ).astype({"bytes_parquet": "Int64"})

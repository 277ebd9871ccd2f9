"""What an audit looks at: the databases of a generation and the one before, attached.

The published tables need no qualification; the previous ones are ``previous.<table>``.
Beside them lie small tables of what settings, manifest and model say, so that a suite
can compare with them in plain SQL.
"""

from __future__ import annotations

import csv
import os
from contextlib import contextmanager, suppress
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any, Final

import duckdb

from mall_segments.errors import ModelError, PublishError, SettingsError
from mall_segments.model import Model, load_model
from mall_segments.publishing.csv_cells import harmless, read_cells
from mall_segments.publishing.generations import (
    DATABASE,
    MODEL,
    Generation,
    generation_folder,
    read_generation,
)
from mall_segments.publishing.publish import CUSTOMERS_CSV, MEASURES
from mall_segments.publishing.tables import (
    quote_identifier,
    quote_text,
    reason,
    tables_and_views,
)
from mall_segments.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd

    from mall_segments.model import ModelSegment

_ADDED_COLUMNS: Final = ("Cluster", "Segment", "Persona")
AUDITED: Final = "audited"
PREVIOUS: Final = "previous"

_PUBLISHING_ONLY: Final = (
    "customers_path",
    "orders_path",
    "export_rows_limit",
    "keep_generations",
)
"""Settings that say where customers are and what is published, not who they are."""

_OF_MODEL_ONLY: Final = {"segment_id", "share", "centroid", "coordinates"}
"""What the model says of a segment in other words than dim_segments, or alone."""


class Evidence:
    """The tables of a generation in DuckDB, and what belongs to them.

    Its database is attached as ``audited``, that of the generation it replaced as
    ``previous``. If there is no intact one ``no_previous`` says why; if the model
    cannot be read ``no_model`` does.
    """

    def __init__(self, home: Path, generation: Generation) -> None:
        self.generation = generation
        self.settings = _settings(generation)
        self.model: Model | None = None
        self.no_model = ""
        self.previous: Generation | None = None
        self.no_previous = ""
        try:
            self.model = load_model(generation.folder / MODEL)
        except ModelError as error:
            self.no_model = str(error)
        try:
            self.previous = _previous(home, generation)
        except PublishError as error:
            self.no_previous = str(error)
        # Large joins may need more than memory.
        overflow = f"{gettempdir()}/mall_segments_audit_{os.getpid()}"
        self.connection = duckdb.connect(config={"temp_directory": overflow})

    def open(self) -> None:
        """Attach the databases and write down what suites compare with."""
        with _refuse_duckdb():
            self._attach()
            self._write_down_manifest()
            self._write_down_model()
            self._show_exported()

    @property
    def has_same_input(self) -> bool:
        """Whether both generations were made of the same files in the same way."""
        if self.previous is None:
            return False
        made_of = _made_of(self.generation)
        return bool(made_of[0]) and made_of == _made_of(self.previous)

    @property
    def parameters(self) -> dict[str, Any]:
        """What ``{"$PARAMETER": name}`` in a suite stands for."""
        settings, manifest = self.settings, self.generation.manifest
        lists = {
            "segmentations": [each.name for each in settings.segmentations],
            "features": [each.name for each in settings.columns],
            "numbers": [each.name for each in settings.numeric_features],
            "categories": [each.name for each in settings.categories],
            "comparable": self._continued(alike=True),
            "continued": self._continued(),
        }
        return {
            **lists,
            **{f"n_{name}": len(names) for name, names in lists.items()},
            "n_accepted": manifest["input"]["accepted"],
            "n_remembered": manifest["input"]["accepted"]
            - _n_forgotten(self.generation),
            "n_rejected": manifest["input"]["rejected"],
            "build_id": manifest["build_id"],
            "build_ids": [manifest["build_id"]],
            "previous_build_ids": [manifest["previous_build_id"]],
        }

    def select(self, sql: str) -> pd.DataFrame:
        """Run SQL over what was published."""
        with _refuse_duckdb():
            frame: pd.DataFrame = self.connection.execute(sql).df()
        # The missing value of masked types has no truth, which Great Expectations
        # asks it for.
        masked = frame.select_dtypes(["Int64", "Int32", "boolean", "Float64"])
        is_flag = masked.dtypes == "boolean"
        return frame.astype(is_flag.map({True: "object", False: "float64"}).to_dict())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run SQL that gives a few rows."""
        with _refuse_duckdb():
            return list(self.connection.execute(sql).fetchall())

    def tables(self) -> set[str]:
        """Name what the published database holds."""
        with _refuse_duckdb():
            return {*tables_and_views(self.connection, AUDITED)}

    def columns(self, table: str) -> dict[str, str]:
        """Map the columns of a published table to their types; empty without it."""
        return dict(
            self.rows(
                "SELECT column_name, data_type FROM duckdb_columns() "  # noqa: S608
                f"WHERE database_name = '{AUDITED}' "
                f"AND table_name = {quote_text(table)} ORDER BY column_index"
            )
        )

    def _continued(self, *, alike: bool = False) -> list[str]:
        """Name segmentations of both generations, or those asked for alike."""
        now, before = map(_set_segmentations, (self.generation, self.previous))
        both = now.keys() & before.keys()
        return sorted(name for name in both if not alike or now[name] == before[name])

    def _attach(self) -> None:
        databases = {AUDITED: self.generation}
        if self.previous:
            databases[PREVIOUS] = self.previous
        for name, generation in databases.items():
            self.connection.execute(
                f"ATTACH {quote_text(str(generation.folder / DATABASE))} "
                f"AS {name} (READ_ONLY)"
            )
        # What the audit writes down goes first: no published table can pose as it.
        self.connection.execute(f"SET search_path = 'memory.main,{AUDITED}.main'")

    def _write_down_manifest(self) -> None:
        counts = self.generation.manifest["input"]
        settings = self.settings.segmentations
        self._create(
            "manifest_counts (measure VARCHAR, n BIGINT)",
            [(measure, counts[key]) for key, measure in MEASURES.items()],
        )
        self.connection.execute(
            "CREATE MACRO memory.main.counted(name) AS "
            "(SELECT n FROM memory.main.manifest_counts WHERE measure = name)"
        )
        # Rows of customers who were forgotten since are missing, and rightly.
        for name, n in (
            ("unless_forgotten", _n_forgotten(self.generation)),
            ("unless_forgotten_before", _n_forgotten(self.previous)),
        ):
            self.connection.execute(
                f"CREATE MACRO memory.main.{name}(found, expected) AS "
                f"if(expected - found BETWEEN 0 AND {n}, found, expected)"
            )
        self.connection.execute(
            f"CREATE MACRO memory.main.written(cell) AS {harmless('cell')}"
        )
        self._create(
            "set_segmentations (segmentation VARCHAR, scaler VARCHAR, "
            "random_seed BIGINT)",
            [(each.name, each.scaler, each.random_seed) for each in settings],
        )
        self._create(
            "set_features (segmentation VARCHAR, feature VARCHAR)",
            [(each.name, feature) for each in settings for feature in each.features],
        )
        self._create(
            "comparable_segmentations (segmentation VARCHAR)",
            [(name,) for name in self._continued(alike=True)],
        )

    def _write_down_model(self) -> None:
        fitted = self.model.segmentations if self.model else ()
        self._create(
            "model_segmentations (segmentation VARCHAR, scaler VARCHAR, "
            "random_seed BIGINT, verdict VARCHAR)",
            [
                (each.name, each.scaler, each.random_seed, each.verdict)
                for each in fitted
            ],
        )
        self._create(
            "model_segments (segmentation VARCHAR, segment_id BIGINT, field VARCHAR, "
            "value VARCHAR)",
            [
                (each.name, segment.segment_id, field, str(value))
                for each in fitted
                for segment in each.segments
                for field, value in _fields(segment).items()
                if value is not None
            ],
        )

    def _show_exported(self) -> None:
        """Show the exported customers as ``exported``, under names of ours.

        Those of the first segmentation follow the columns of the input.
        """
        # Where it cannot be read, the suite that reads it says so.
        with suppress(OSError, UnicodeDecodeError, csv.Error):
            header, cells = read_cells(self.generation.folder / CUSTOMERS_CSV)
            names = [quote_identifier(name) for name in header]
            n_added = len(_ADDED_COLUMNS) * len(self.settings.segmentations)
            added = ", ".join(
                f"{name} AS {column.lower()}"
                for name, column in zip(names[-n_added:], _ADDED_COLUMNS, strict=False)
            )
            is_formula = " OR ".join(
                f"coalesce({harmless(name)} <> {name}, false)" for name in names
            )
            self.connection.execute(
                f"CREATE VIEW memory.main.exported AS SELECT {added}, "  # noqa: S608
                f"{is_formula} AS is_formula FROM {cells}"
            )

    def _create(self, declaration: str, rows: Sequence[Sequence[object]]) -> None:
        self.connection.execute(f"CREATE TABLE memory.main.{declaration}")
        if rows:
            places = ", ".join("?" * len(rows[0]))
            name = declaration.split(" ", 1)[0]
            self.connection.executemany(
                f"INSERT INTO memory.main.{name} VALUES ({places})",  # noqa: S608
                [list(row) for row in rows],
            )


@contextmanager
def _refuse_duckdb() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise PublishError(reason(error)) from None


def _fields(segment: ModelSegment) -> dict[str, object]:
    """Return what the model says of a segment by the columns of dim_segments."""
    centroid = segment.centroid.items()
    return {
        **segment.model_dump(exclude=_OF_MODEL_ONLY),
        **{f"centroid_{feature}": value for feature, value in centroid},
    }


def _made_of(generation: Generation) -> tuple[object, ...]:
    """Return the checksums of the files, and what was done with them."""
    manifest = generation.manifest
    settings = {
        name: value
        for name, value in manifest["settings"].items()
        if name not in _PUBLISHING_ONLY
    }
    files = [file["sha256"] for file in manifest["input"]["files"]]
    version = manifest["versions"]["mall-segments"]
    return files, version, settings, _n_forgotten(generation)


def _n_forgotten(generation: Generation | None) -> int:
    return int(generation.manifest.get("forgotten", 0)) if generation else 0


def _set_segmentations(generation: Generation | None) -> dict[str, object]:
    asked = generation.manifest["settings"]["segmentations"] if generation else ()
    return {each["name"]: each for each in asked}


def _settings(generation: Generation) -> Settings:
    try:
        return read_settings(generation.manifest["settings"])
    except SettingsError as error:
        raise PublishError(
            f"the manifest of {generation.folder.name} holds settings that cannot be "
            f"used: {error}"
        ) from None


def _previous(home: Path, generation: Generation) -> Generation:
    build_id = generation.manifest["previous_build_id"]
    if build_id is None:
        raise PublishError("it is the first generation published")
    folder = generation_folder(home, build_id)
    if not folder.is_dir():
        raise PublishError(f"{build_id} is not kept any more")
    previous = read_generation(folder)
    previous.file(DATABASE)
    return previous

"""What an audit looks at: a generation's tables, files, model and settings."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Self

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mall_segments.intake.csv_cells import neutralised
from mall_segments.errors import ModelError, PublishError, SettingsError
from mall_segments.publishing.generations import (
    DATABASE,
    MODEL,
    Generation,
    generation_folder,
    read_generation,
)
from mall_segments.model_file import Model, load_model
from mall_segments.settings import SETTING_NAMES, Settings, parse_settings
from mall_segments.publishing.tables import quote_text, reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from mall_segments.model_file import Segment, Segmentation

AUDITED: Final = "audited"
PREVIOUS: Final = "previous"

# What suites may need. Each has a query that prepares it, once for all suites.
MODEL_SEGMENTS: Final = "model_segments"
CUSTOMER_GROUPS: Final = "customer_groups"
SEGMENT_GROUPS: Final = "segment_groups"
PREVIOUS_GENERATION: Final = "previous_generation"

_QUERIES: Final = Path(__file__).with_name("queries")


class MissingEvidenceError(Exception):
    """Why a frame cannot be read; continues the sentence "cannot be checked: ..."."""


class Evidence:
    """The tables of a generation in DuckDB, and what belongs to them.

    Attributes
    ----------
    generation : Generation
        The generation audited.
    previous : Generation or None
        The one it replaced, if that is still kept and intact.
    settings : Settings
        The settings it was built with.
    model : Model or None
        Its model; None if it cannot be read.
    connection : DuckDB connection
        Its database is attached as ``audited``, the previous one's as ``previous``.
    """

    def __init__(self, home: Path, generation: Generation) -> None:
        self.generation = generation
        self._lacks: dict[str, str] = {}
        self._prepared: set[str] = set()
        self.settings = _settings(generation)
        self.model = self._load_model()
        self.previous = self._find_previous(home)
        self._resources = ExitStack()
        self.connection = duckdb.connect()

    def __enter__(self) -> Self:
        """Attach the databases and prepare what many suites read."""
        with ExitStack() as resources:
            # Large joins may need more than memory.
            overflow = resources.enter_context(TemporaryDirectory())
            resources.enter_context(self.connection)
            self.connection.execute(f"SET temp_directory = {quote_text(overflow)}")
            self._attach()
            self.connection.execute(self.render("prepare/functions"))
            self.connection.execute(self.render("prepare/settings"))
            self._write_model()
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *details: object) -> None:
        """Close the databases."""
        self._resources.close()

    def lacks(self, need: str) -> str | None:
        """Say why something that suites need is not there; prepare it if it can be.

        Parameters
        ----------
        need : str
            One of the names of this module.

        Returns
        -------
        str or None
            The reason; None if it is there.
        """
        if need in (CUSTOMER_GROUPS, SEGMENT_GROUPS) and need not in self._prepared:
            self._prepared.add(need)
            try:
                with _refuse_missing():
                    self.connection.execute(self.render(f"prepare/{need}"))
            except MissingEvidenceError as error:
                self._lacks[need] = str(error)
        return self._lacks.get(need)

    def render(self, query: str, **values: object) -> str:
        """Write a query of the folder ``queries`` for the settings of the build."""
        counts = self.generation.manifest["input"]
        template = _environment().get_template(f"{query}.sql")
        return template.render(
            settings=self.settings,
            features=[feature.name for feature in self.settings.features],
            segmentations=[
                segmentation.name for segmentation in self.settings.segmentations
            ],
            accepted=counts["accepted"],
            input_rows=counts["rows"],
            **values,
        )

    def read(self, query: str, **values: object) -> pd.DataFrame:
        """Run a query of the folder ``queries``.

        Parameters
        ----------
        query : str
            Its file name without the ending.
        **values : object
            What it needs besides the settings and the counts of the input.

        Raises
        ------
        MissingEvidenceError
            If a table or column it needs is not there or not as it should be.
        """
        return self.select(self.render(query, **values))

    def select(self, sql: str) -> pd.DataFrame:
        """Run SQL; the audited tables need no qualification.

        Raises
        ------
        MissingEvidenceError
            If it cannot be run.
        """
        with _refuse_missing():
            frame: pd.DataFrame = self.connection.execute(sql).df()
        # Numbers that may be missing come in types whose missing value has no truth,
        # which Great Expectations compares all the same.
        masked = frame.select_dtypes(["Int64", "Int32", "boolean", "Float64"]).columns
        return frame.astype(
            {
                column: "object" if frame[column].dtype == "boolean" else "float64"
                for column in masked
            }
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run SQL that gives a few rows.

        Raises
        ------
        MissingEvidenceError
            If it cannot be run.
        """
        with _refuse_missing():
            return list(self.connection.execute(sql).fetchall())

    def columns(self, table: str) -> dict[str, str]:
        """Map the columns of an audited table to their types; empty without it."""
        return dict(
            self.rows(
                "SELECT column_name, data_type FROM duckdb_columns() "  # noqa: S608
                f"WHERE database_name = '{AUDITED}' "
                f"AND table_name = {quote_text(table)} ORDER BY column_index"
            )
        )

    def _attach(self) -> None:
        databases = {AUDITED: self.generation}
        if self.previous:
            databases[PREVIOUS] = self.previous
        with _refuse_missing():
            for name, generation in databases.items():
                self.connection.execute(
                    f"ATTACH {quote_text(str(generation.folder / DATABASE))} "
                    f"AS {name} (READ_ONLY)"
                )
            # What the audit prepares goes first: no published table can pose as it.
            self.connection.execute(
                f"SET search_path = {quote_text(f'memory.main,{AUDITED}.main')}"
            )

    def _write_model(self) -> None:
        if self.model is None:
            return
        self.connection.execute(self.render(f"prepare/{MODEL_SEGMENTS}"))
        names = [feature.name for feature in self.settings.features]
        rows = [
            _model_row(segmentation, segment, names)
            for segmentation in self.model.segmentations
            for segment in segmentation.segments
        ]
        places = ", ".join("?" * len(rows[0]))
        self.connection.executemany(
            f"INSERT INTO {MODEL_SEGMENTS} VALUES ({places})",  # noqa: S608
            rows,
        )

    def _load_model(self) -> Model | None:
        try:
            return load_model(self.generation.folder / MODEL)
        except ModelError as error:
            self._lacks[MODEL_SEGMENTS] = str(error)
            return None

    def _find_previous(self, home: Path) -> Generation | None:
        build_id = self.generation.manifest["previous_build_id"]
        if build_id is None:
            self._lacks[PREVIOUS_GENERATION] = "it is the first generation published"
            return None
        folder = generation_folder(home, build_id)
        if not folder.is_dir():
            self._lacks[PREVIOUS_GENERATION] = f"{build_id} is not kept any more"
            return None
        try:
            previous = read_generation(folder)
            previous.file(DATABASE)
        except PublishError as error:
            self._lacks[PREVIOUS_GENERATION] = str(error)
            return None
        return previous


def same_input(evidence: Evidence) -> bool:
    """Whether the previous generation was made of the same input in the same way.

    That is the same files by content, settings and version of the project. Where the
    input lies does not matter, nor what decides about publishing only.
    """
    if evidence.previous is None:
        return False
    inputs = [
        (
            [file["sha256"] for file in generation.manifest["input"]["files"]],
            generation.manifest["versions"]["mall-segments"],
            {
                name: value
                for name, value in generation.manifest["settings"].items()
                if name
                not in ("customers_path", "export_rows_limit", "keep_generations")
            },
        )
        for generation in (evidence.generation, evidence.previous)
    ]
    return inputs[0] == inputs[1] and None not in inputs[0][0]


def _model_row(
    segmentation: Segmentation, segment: Segment, names: Sequence[str]
) -> list[object]:
    """Write a segment of the model as a row of ``model_segments``."""
    scalers = {feature.name: feature for feature in segmentation.features}
    used = [scalers.get(name) for name in names]
    return [
        segmentation.name,
        segment.segment_id,
        segment.n_customers,
        segment.outlier_distance,
        *(segment.scaled_centroid.get(name) for name in names),
        *(scaler.center if scaler else None for scaler in used),
        *(scaler.scale if scaler else None for scaler in used),
    ]


@contextmanager
def _refuse_missing() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise MissingEvidenceError(reason(error)) from None


def _settings(generation: Generation) -> Settings:
    configured = generation.manifest["settings"]
    try:
        return parse_settings(
            {name: configured[name] for name in SETTING_NAMES if name in configured}
        )
    except SettingsError as error:
        raise PublishError(
            f"the manifest of {generation.folder.name} holds settings that cannot be "
            f"used: {error}"
        ) from None


@cache
def _environment() -> Environment:
    environment = Environment(  # noqa: S701 - SQL, not HTML; texts are quoted
        loader=FileSystemLoader(_QUERIES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["quoted"] = quote_text
    environment.filters["neutralised"] = neutralised
    return environment

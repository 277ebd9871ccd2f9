"""Suites of expectations, read from YAML in the shape that Great Expectations saves.

A file holds a list of suites. Each has a name, expectations (type, kwargs, severity and
meta, as in Great Expectations; or, shorter, the type with its kwargs, severity and
meaning) and a ``meta`` that says what is checked:

- ``table``: a small published table;
- ``query``: SQL over the published tables;
- ``checks``: queries, by name, of what they are about, found and expected, put together
  to one frame of check, subject, found and expected;
- ``frame``: one that `mall_segments.audit.frames` makes of files, schema or model.

Tables of `mall_segments.audit.contract` that no file has a suite for get one: no key
twice, and as many rows as they must have.

``{"$PARAMETER": name}`` stands for one of `Evidence.parameters`, as Great Expectations
writes it. ``keys`` are the columns that name a row. ``needs: previous`` skips the
suite when there is no previous generation; ``needs: same input`` leaves it out unless
both were made of the same input, ``needs: orders`` unless there are orders.
``is_drift`` lets ``--accept-drift`` turn its failures into warnings.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mall_segments.errors import PublishError
from mall_segments.publishing.publish import ROW_LEVEL_TABLES
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from mall_segments.audit.contract import Table

PROJECT_SUITES: Final = "tests/quality"
"""Where a project keeps suites of its own."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Expectation(_Entry):
    """One expectation, in the words of Great Expectations."""

    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)
    severity: Literal["critical", "warning"] = "critical"
    meta: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, entry: Any) -> Any:
        """Read ``{expect_...: kwargs, meaning: ...}`` as the longer form."""
        if not isinstance(entry, dict) or "type" in entry:
            return entry
        spelled: dict[str, Any] = {}
        for key, value in entry.items():
            if str(key).startswith("expect_"):
                spelled |= {"type": key, "kwargs": value}
            elif key == "meaning":
                spelled["meta"] = {key: value}
            else:
                spelled[key] = value
        return spelled


class SuiteMeta(_Entry):
    """What a suite looks at."""

    table: str | None = None
    query: str | None = None
    checks: dict[str, str] | None = None
    frame: Literal["files", "tables", "columns", "assignments", "freshness"] | None = (
        None
    )
    keys: list[str] = ["check", "subject"]
    needs: Literal["previous", "same input", "orders", "exported"] | None = None
    is_drift: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = ("table", "query", "checks", "frame")
        given = [name for name in sources if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"has {', '.join(given) or 'none'} of table, query, checks and frame; "
                "it needs one"
            )
        return self


class Suite(_Entry):
    """Expectations on one frame."""

    name: str = Field(min_length=1)
    meta: SuiteMeta
    expectations: list[Expectation] = Field(min_length=1)


def read_suites(
    tables: Mapping[str, Table], project: Path | None = None
) -> list[Suite]:
    """Read the suites of the package, of its tables and of the YAML files of a project.

    These stand in for those of the package that have the same name.
    """
    suites = _read_folder(files("mall_segments.audit") / "suites")
    of_tables = {suite.name: suite for suite in _suites_of_tables(tables)}
    suites |= {name: of_tables[name] for name in of_tables if name not in suites}
    if project is not None and (project / PROJECT_SUITES).is_dir():
        suites |= _read_folder(project / PROJECT_SUITES)
    return list(suites.values())


def _suites_of_tables(tables: Mapping[str, Table]) -> Iterator[Suite]:
    for name, table in tables.items():
        if not table.keys or name in ROW_LEVEL_TABLES:
            continue
        rows = Expectation(
            type="expect_table_row_count_to_be_between",
            kwargs={"min_value": table.least_rows},
            meta={"meaning": f"has at least {table.least_rows} rows"},
        )
        if len(table.keys) == 1:
            keys = Expectation(
                type="expect_column_values_to_be_unique",
                kwargs={"column": table.keys[0]},
            )
        else:
            keys = Expectation(
                type="expect_compound_columns_to_be_unique",
                kwargs={"column_list": table.keys},
                meta={"meaning": "are unique together"},
            )
        meta = SuiteMeta(table=name, keys=table.keys)
        yield Suite(name=name, meta=meta, expectations=[rows, keys])


def _read_folder(folder: Traversable | Path) -> dict[str, Suite]:
    return {
        suite.name: suite
        for file in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if file.name.endswith((".yml", ".yaml"))
        for suite in _read_file(file)
    }


def _read_file(file: Traversable | Path) -> list[Suite]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        cause = " ".join(str(error).split())
        raise PublishError(f"{file} holds no suites: {cause}") from None
    if not isinstance(content, list):
        raise PublishError(f"{file} holds no suites: it must be a list of them")
    suites = []
    for number, entry in enumerate(content, start=1):
        try:
            suites.append(Suite.model_validate(entry))
        except ValidationError as error:
            mistake = error.errors()[0]
            place = ".".join(map(str, mistake["loc"])) or "it"
            raise PublishError(
                f"{file}: suite {number} cannot be used: {place} is "
                f"{shorten(mistake['input'])}; {mistake['msg']}"
            ) from None
    return suites

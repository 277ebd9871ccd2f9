"""Suites of expectations, read from YAML in the shape that Great Expectations saves.

A file holds a list of suites. Each has a name, expectations (type, kwargs, severity and
meta, as in Great Expectations; or, shorter, the type with its kwargs, severity and
meaning) and a ``meta`` that says what is checked:

- ``table``: a small published table;
- ``query``: SQL over the published tables;
- ``checks``: queries, by name, of what they are about, found and expected, put together
  to one frame of check, subject, found and expected;
- ``frame``: one that `mall_segments.audit.frames` makes of files, schema or model.

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
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

PROJECT_SUITES: Final = "tests/quality"
"""Where a project keeps suites of its own."""

_MEANINGS: Final = {
    "expect_column_values_to_be_between": "is from {min_value} to {max_value}",
    "expect_column_values_to_be_in_set": "is one of {value_set}",
    "expect_column_distinct_values_to_equal_set": "is each of {value_set}",
    "expect_column_values_to_be_unique": "is unique",
    "expect_column_values_to_be_null": "is empty",
    "expect_column_values_to_not_be_null": "is not empty",
    "expect_column_values_to_match_regex": "matches {regex}",
    "expect_column_values_to_be_json_parseable": "is JSON",
    "expect_compound_columns_to_be_unique": "are unique together",
    "expect_column_pair_values_to_be_equal": "is {column_B}",
    "expect_column_pair_values_a_to_be_greater_than_b": "is at least {column_B}",
    "expect_table_row_count_to_be_between": "has {min_value} to {max_value} rows",
    "expect_table_row_count_to_equal": "has {value} rows",
}
_PARAMETER: Final = "$PARAMETER"
_MOST_LISTED: Final = 12


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

    @property
    def columns(self) -> list[str]:
        """The columns it looks at; none if it is about the table."""
        named = [self.kwargs.get(key) for key in ("column", "column_A", "column_B")]
        listed = self.kwargs.get("column_list", self.kwargs.get("column_set", []))
        return [str(name) for name in (*named, *listed) if name is not None]

    @property
    def column(self) -> str:
        """The column or columns it is about, the first of those it compares."""
        return ", ".join(
            self.columns[:1] if "column_A" in self.kwargs else self.columns
        )

    @property
    def meaning(self) -> str:
        """What is expected, in words that continue the name of the column."""
        if "meaning" in self.meta:
            return str(self.meta["meaning"])
        words = _MEANINGS.get(self.type)
        if words is None:
            return self.type.removeprefix("expect_").replace("_", " ")
        if self.kwargs.get("max_value") is None:
            words = words.replace(
                "from {min_value} to {max_value}", "at least {min_value}"
            )
            words = words.replace("{min_value} to {max_value}", "at least {min_value}")
        return words.format(
            **{key: _shown(value) for key, value in self.kwargs.items()}
        )

    def filled(self, parameters: Mapping[str, Any]) -> Expectation:
        """Return it with the values that its parameters stand for."""
        return self.model_copy(update={"kwargs": _filled(self.kwargs, parameters)})


class SuiteMeta(_Entry):
    """What a suite looks at."""

    table: str | None = None
    query: str | None = None
    checks: dict[str, str] | None = None
    frame: str | None = None
    keys: list[str] = ["check", "subject"]
    needs: Literal["previous", "same input", "orders", "exported"] | None = None
    is_drift: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [
            name
            for name in ("table", "query", "checks", "frame")
            if getattr(self, name) is not None
        ]
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


def read_suites(project: Path | None = None) -> list[Suite]:
    """Read the suites of the package, and those of the YAML files of a project.

    These stand in for those of the package that have the same name.
    """
    suites: dict[str, Suite] = {}
    folders: list[Traversable | Path] = [files("mall_segments.audit") / "suites"]
    if project is not None and (project / PROJECT_SUITES).is_dir():
        folders.append(project / PROJECT_SUITES)
    for folder in folders:
        for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if file.name.endswith((".yml", ".yaml")):
                suites |= {suite.name: suite for suite in _read_file(file)}
    return list(suites.values())


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


def _filled(value: Any, parameters: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_filled(item, parameters) for item in value]
    if not isinstance(value, dict):
        return value
    if _PARAMETER not in value:
        return {key: _filled(item, parameters) for key, item in value.items()}
    name = value[_PARAMETER]
    if name not in parameters:
        raise PublishError(
            f"a suite asks for the parameter {shorten(name)}; there are "
            + ", ".join(parameters)
        )
    return parameters[name]


def _shown(value: Any) -> str:
    """Write an argument as a reader sees it."""
    if isinstance(value, list):
        tail = ", ..." if len(value) > _MOST_LISTED else ""
        return ", ".join(map(str, value[:_MOST_LISTED])) + tail
    return f"{value:,}" if isinstance(value, int) else f"{value}"

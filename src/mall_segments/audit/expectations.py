"""The kinds of expectation the suites are made of, named as Great Expectations does.

They are plain descriptions, so that suites can be read and tested without the seconds
that importing Great Expectations takes; `mall_segments.audit.validation` runs them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from mall_segments.audit.evidence import Evidence

Severity = Literal["critical", "warning"]

# Infinity is above it, so that an upper bound of it means finite.
LARGEST: Final = sys.float_info.max


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """One expectation on a frame.

    Attributes
    ----------
    kind : str
        Its type in Great Expectations.
    arguments : mapping of str to object
        The arguments it takes there.
    column : str
        The column or columns it is about, as a reader sees them.
    meaning : str
        What is expected, in words that continue the name of the column.
    severity : {"critical", "warning"}
        Whether the audit fails with it.
    """

    kind: str
    arguments: Mapping[str, Any]
    column: str
    meaning: str
    severity: Severity = "critical"


@dataclass(frozen=True, kw_only=True)
class Suite:
    """The expectations on one frame.

    Attributes
    ----------
    name : str
        The table or subject.
    frame : callable
        Reads the frame from the evidence.
    keys : tuple of str
        The columns that name a row of it, and so a culprit.
    expectations : tuple of Expectation
        What is expected. An empty frame meets most expectations, so the number of
        rows must be among them.
    needs : tuple of str
        What the evidence must have for it, see `Evidence.lacks`.
    """

    name: str
    frame: Callable[[Evidence], pd.DataFrame]
    keys: tuple[str, ...]
    expectations: tuple[Expectation, ...]
    needs: tuple[str, ...] = field(default=())


def warn(expectation: Expectation) -> Expectation:
    """Let an expectation only warn."""
    return replace(expectation, severity="warning")


def n_rows(least: int, most: int | None = None, *, meaning: str = "") -> Expectation:
    """Expect this many rows; any number from ``least`` without ``most``."""
    if most is None:
        words = f"at least {least:,}"
    else:
        words = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return Expectation(
        kind="expect_table_row_count_to_be_between",
        arguments={"min_value": least, "max_value": most},
        column="",
        meaning=meaning or f"has {words} rows",
    )


def between(
    column: str, least: float, most: float, *, meaning: str = ""
) -> Expectation:
    """Expect values from ``least`` to ``most``; missing ones are left alone."""
    return Expectation(
        kind="expect_column_values_to_be_between",
        arguments={"column": column, "min_value": least, "max_value": most},
        column=column,
        meaning=meaning or f"is from {least:g} to {most:g}",
    )


def at_least(column: str, least: float) -> Expectation:
    """Expect finite values from ``least``; missing ones are left alone."""
    return between(column, least, LARGEST, meaning=f"is finite and at least {least:g}")


def none(column: str, meaning: str) -> Expectation:
    """Expect a count of violations to be 0."""
    return between(column, 0, 0, meaning=meaning)


def one_of(column: str, values: Sequence[object]) -> Expectation:
    """Expect values of a set; missing ones are left alone."""
    return Expectation(
        kind="expect_column_values_to_be_in_set",
        arguments={"column": column, "value_set": list(values)},
        column=column,
        meaning="is one of " + ", ".join(map(str, values)),
    )


def true(column: str, meaning: str) -> Expectation:
    """Expect a condition that the query evaluated to hold on every row."""
    return replace(one_of(column, [True]), meaning=meaning)


def unique(*columns: str) -> Expectation:
    """Expect no two rows with the same values in all these columns."""
    if len(columns) == 1:
        return Expectation(
            kind="expect_column_values_to_be_unique",
            arguments={"column": columns[0]},
            column=columns[0],
            meaning="is unique",
        )
    return Expectation(
        kind="expect_compound_columns_to_be_unique",
        arguments={"column_list": list(columns)},
        column=", ".join(columns),
        meaning="are unique together",
    )


def equal(column: str, other: str, meaning: str) -> Expectation:
    """Expect a column to hold what another one says it should."""
    return Expectation(
        kind="expect_column_pair_values_to_be_equal",
        arguments={"column_A": column, "column_B": other},
        column=column,
        meaning=meaning,
    )


def not_below(column: str, other: str, meaning: str) -> Expectation:
    """Expect a column to be at least another one."""
    return Expectation(
        kind="expect_column_pair_values_a_to_be_greater_than_b",
        arguments={"column_A": column, "column_B": other, "or_equal": True},
        column=column,
        meaning=meaning,
    )


def matches(column: str, pattern: str, meaning: str) -> Expectation:
    """Expect texts that a regular expression matches."""
    return Expectation(
        kind="expect_column_values_to_match_regex",
        arguments={"column": column, "regex": pattern},
        column=column,
        meaning=meaning,
    )


def missing(column: str, meaning: str) -> Expectation:
    """Expect a column to hold nothing."""
    return Expectation(
        kind="expect_column_values_to_be_null",
        arguments={"column": column},
        column=column,
        meaning=meaning,
    )


def json_text(column: str) -> Expectation:
    """Expect texts that are JSON; missing ones are left alone."""
    return Expectation(
        kind="expect_column_values_to_be_json_parseable",
        arguments={"column": column},
        column=column,
        meaning="is JSON",
    )

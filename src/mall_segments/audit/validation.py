"""Run suites in Great Expectations, quietly, and read its answers."""

from __future__ import annotations

import logging
import math
import warnings
from typing import TYPE_CHECKING, Any, Final

from mall_segments.audit.results import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mall_segments.audit.expectations import Expectation

_SHOWN_CULPRITS: Final = 5
_LONGEST_VALUE: Final = 300
_PLACE: Final = "place"


class Validator:
    """One Great Expectations context, reused for every suite.

    It keeps everything in memory, sends nothing anywhere and prints no progress.
    Making it takes the seconds that Great Expectations needs to be imported.
    """

    def __init__(self) -> None:
        with warnings.catch_warnings():
            # It imports modules that Python has deprecated.
            warnings.simplefilter("ignore")
            import great_expectations  # noqa: PLC0415
            from great_expectations.data_context.types.base import (  # noqa: PLC0415
                ProgressBarsConfig,
            )
        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        self.version: str = great_expectations.__version__
        context = great_expectations.get_context(mode="ephemeral")
        context.enable_analytics(enable=False)
        context.variables.progress_bars = ProgressBarsConfig(
            globally=False, metric_calculations=False
        )
        source = context.data_sources.add_pandas("frames")
        self._batches = source.add_dataframe_asset(
            "frame"
        ).add_batch_definition_whole_dataframe("whole")
        self._make_suite = great_expectations.ExpectationSuite

    def validate(
        self,
        name: str,
        frame: pd.DataFrame,
        keys: Sequence[str],
        expectations: Sequence[Expectation],
    ) -> list[Result]:
        """Check one frame.

        Parameters
        ----------
        name : str
            The name of the suite.
        frame : DataFrame
            What is checked.
        keys : sequence of str
            The columns by which a row is named where it breaks an expectation.
        expectations : sequence of Expectation
            What is expected.

        Returns
        -------
        list of Result
            One per expectation, in their order.
        """
        frame = frame.reset_index(drop=True)
        answers = self._ask(name, frame, expectations, "BOOLEAN_ONLY")
        broken = [
            place for place, answer in enumerate(answers) if not answer["success"]
        ]
        if broken:
            # Culprits cost time, so they are only looked for where there are some.
            detailed = self._ask(
                name, frame, [expectations[place] for place in broken], "SUMMARY"
            )
            for place, answer in zip(broken, detailed, strict=True):
                answers[place] = answer
        return [
            Result(
                suite=name,
                expectation=expectation.kind,
                column=expectation.column,
                meaning=expectation.meaning,
                outcome=_outcome(expectation, answer),
                observed=_observed(expectation, answer, frame, keys),
            )
            for expectation, answer in zip(expectations, answers, strict=True)
        ]

    def _ask(
        self,
        name: str,
        frame: pd.DataFrame,
        expectations: Sequence[Expectation],
        detail: str,
    ) -> list[dict[str, Any]]:
        suite = self._make_suite(
            name=name,
            expectations=[
                {
                    "type": expectation.kind,
                    "kwargs": dict(expectation.arguments),
                    "meta": {_PLACE: place},
                }
                for place, expectation in enumerate(expectations)
            ],
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = self._batches.get_batch({"dataframe": frame})
            found = batch.validate(
                suite,
                result_format={
                    "result_format": detail,
                    "partial_unexpected_count": _SHOWN_CULPRITS,
                },
            )
        # Great Expectations answers in an order of its own.
        answers: list[dict[str, Any]] = [{} for _ in expectations]
        for answer in found.results:
            asked: Any = answer.expectation_config
            place = asked.meta[_PLACE]
            answers[place] = {
                "success": bool(answer.success),
                "result": dict(answer.result),
                "error": _error(answer.exception_info),
            }
        return answers


def _outcome(expectation: Expectation, answer: Mapping[str, Any]) -> Outcome:
    if answer["success"]:
        return Outcome.PASSED
    # An expectation that cannot be checked is no matter of degree.
    if expectation.severity == "warning" and not answer["error"]:
        return Outcome.WARNING
    return Outcome.FAILED


def _error(info: Mapping[str, Any]) -> str:
    """Return the last line of what an expectation raised; empty if it did not."""
    for part in (info, *info.values()):
        if isinstance(part, dict) and part.get("exception_message"):
            lines = str(part["exception_message"]).strip().splitlines()
            return lines[-1] if lines else "unknown error"
    return ""


def _observed(
    expectation: Expectation,
    answer: Mapping[str, Any],
    frame: pd.DataFrame,
    keys: Sequence[str],
) -> str:
    if answer["error"]:
        return f"cannot be checked: {answer['error']}"
    n_rows = len(frame)
    if not expectation.column:
        return f"{n_rows:,} rows"
    if answer["success"]:
        if n_rows == 1 and "column" in expectation.arguments:
            return _written(frame[expectation.arguments["column"]].iloc[0])
        return f"{n_rows:,} of {n_rows:,} rows"
    n_broken = answer["result"]["unexpected_count"]
    places = answer["result"]["partial_unexpected_index_list"]
    culprits = "; ".join(
        _culprit(expectation, frame.loc[place], keys) for place in places
    )
    more = n_broken - len(places)
    tail = f"; and {more:,} more" if more > 0 else ""
    return f"{n_broken:,} of {n_rows:,} rows: {culprits}{tail}"


def _culprit(
    expectation: Expectation, row: Mapping[str, Any], keys: Sequence[str]
) -> str:
    arguments = expectation.arguments
    if "column_A" in arguments:
        left, right = arguments["column_A"], arguments["column_B"]
        found = f"{left} {_written(row[left])}, {right} {_written(row[right])}"
    else:
        columns = arguments.get("column_list") or [arguments["column"]]
        found = ", ".join(f"{column} {_written(row[column])}" for column in columns)
    example = row.get(f"{arguments.get('column')}_example")
    named = [f"{key} {_written(row[key])}" for key in keys]
    if example is not None:
        named.append(f"for example {_written(example)}")
    return f"{found} ({', '.join(named)})" if named else found


def _written(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "nothing"
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."

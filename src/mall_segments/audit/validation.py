"""Run suites as checkpoints of Great Expectations, quietly, and read its answers."""

from __future__ import annotations

import logging
import math
import warnings
from typing import TYPE_CHECKING, Any, Final

from mall_segments.audit.results import Outcome, Result
from mall_segments.errors import PublishError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mall_segments.audit.suites import Expectation, Suite

_SHOWN_CULPRITS: Final = 5
_LONGEST_VALUE: Final = 300
_PLACE: Final = "place"


class Validator:
    """One Great Expectations context, reused for every suite.

    It keeps everything in memory, sends nothing anywhere and prints no progress.
    """

    def __init__(self) -> None:
        with warnings.catch_warnings():
            # It imports modules that Python has deprecated.
            warnings.simplefilter("ignore")
            import great_expectations  # noqa: PLC0415
            from great_expectations.data_context.types.base import (  # noqa: PLC0415
                ProgressBarsConfig,
            )
        logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
        self._gx = great_expectations
        self.version: str = great_expectations.__version__
        context = great_expectations.get_context(mode="ephemeral")
        context.enable_analytics(enable=False)
        context.variables.progress_bars = ProgressBarsConfig(
            globally=False, metric_calculations=False
        )
        self._context = context
        frames = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
        self._batches = frames.add_batch_definition_whole_dataframe("whole")

    def validate(
        self,
        suite: Suite,
        frame: pd.DataFrame,
        parameters: Mapping[str, Any],
        *,
        accept_drift: bool = False,
    ) -> list[Result]:
        """Check one frame; return a result per expectation, in their order."""
        frame = frame.reset_index(drop=True)
        expectations = [each.filled(parameters) for each in suite.expectations]
        answers = self._ask(suite.name, expectations, frame, "BOOLEAN_ONLY")
        if not all(answer["success"] for answer in answers):
            # Culprits cost time, so they are only looked for where there are some.
            answers = self._ask(suite.name, expectations, frame, "SUMMARY")
        only_warns = accept_drift and suite.meta.is_drift
        return [
            Result(
                suite=suite.name,
                expectation=expectation.type,
                column=expectation.column,
                meaning=expectation.meaning,
                outcome=_outcome(expectation, answer, only_warns=only_warns),
                observed=_observed(expectation, answer, frame, suite.meta.keys),
            )
            for expectation, answer in zip(expectations, answers, strict=True)
        ]

    def _ask(
        self,
        name: str,
        expectations: Sequence[Expectation],
        frame: pd.DataFrame,
        detail: str,
    ) -> list[dict[str, Any]]:
        # Great Expectations answers in an order of its own.
        entries = [
            {**expectation.model_dump(), "meta": {_PLACE: place}}
            for place, expectation in enumerate(expectations)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = self._checkpoint(name, entries, detail).run(
                batch_parameters={"dataframe": frame}
            )
        answers: list[dict[str, Any]] = [{} for _ in entries]
        for validation in found.run_results.values():
            for answer in validation.results:
                asked: Any = answer.expectation_config
                answers[asked.meta[_PLACE]] = {
                    "success": bool(answer.success),
                    "result": dict(answer.result),
                    "error": _error(answer.exception_info),
                }
        return answers

    def _checkpoint(self, name: str, entries: list[dict[str, Any]], detail: str) -> Any:
        gx, context = self._gx, self._context
        try:
            suite = gx.ExpectationSuite(name=name, expectations=entries)
        except (ValueError, TypeError, gx.exceptions.GreatExpectationsError) as error:
            reason = " ".join(str(error).split())
            raise PublishError(
                f"Great Expectations refuses the suite {name!r}: {reason}"
            ) from None
        if len(suite.expectations) < len(entries):
            # One that it does not know is left out without an error.
            known = {each.expectation_type for each in suite.expectations}
            unknown = [each["type"] for each in entries if each["type"] not in known]
            raise PublishError(
                f"Great Expectations refuses the suite {name!r}: it has no expectation "
                + ", ".join(dict.fromkeys(unknown))
            )
        definition = gx.ValidationDefinition(
            name=name, data=self._batches, suite=context.suites.add_or_update(suite)
        )
        return context.checkpoints.add_or_update(
            gx.Checkpoint(
                name=name,
                validation_definitions=[
                    context.validation_definitions.add_or_update(definition)
                ],
                result_format={
                    "result_format": detail,
                    "partial_unexpected_count": _SHOWN_CULPRITS,
                },
            )
        )


def _outcome(
    expectation: Expectation, answer: Mapping[str, Any], *, only_warns: bool
) -> Outcome:
    if answer["success"]:
        return Outcome.PASSED
    # An expectation that cannot be checked is no matter of degree.
    if answer["error"]:
        return Outcome.FAILED
    is_mild = only_warns or expectation.severity == "warning"
    return Outcome.WARNING if is_mild else Outcome.FAILED


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
    n_rows, result = len(frame), answer["result"]
    if not expectation.column:
        return f"{n_rows:,} rows"
    if answer["success"]:
        if n_rows == 1 and "column" in expectation.kwargs:
            return _written(frame[expectation.column].iloc[0])
        return f"{n_rows:,} of {n_rows:,} rows"
    places = result.get("partial_unexpected_index_list")
    if places is None:
        # About the whole column, such as its mean.
        return _written(result.get("observed_value"))
    culprits = "; ".join(
        _culprit(expectation, frame.loc[place], keys) for place in places
    )
    n_broken = result["unexpected_count"]
    more = n_broken - len(places)
    tail = f"; and {more:,} more" if more > 0 else ""
    return f"{n_broken:,} of {n_rows:,} rows: {culprits}{tail}"


def _culprit(
    expectation: Expectation, row: Mapping[str, Any], keys: Sequence[str]
) -> str:
    found = ", ".join(f"{name} {_written(row[name])}" for name in expectation.columns)
    named = [f"{key} {_written(row[key])}" for key in keys if key in row]
    example = row.get(f"{expectation.column}_example")
    if example is not None and not _is_nan(example):
        named.append(f"for example {_written(example)}")
    return f"{found} ({', '.join(named)})" if named else found


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _written(value: object) -> str:
    if value is None or _is_nan(value):
        return "nothing"
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."

"""Run suites as checkpoints of Great Expectations, quietly, and read its answers."""

from __future__ import annotations

import logging
import math
import re
import warnings
from typing import TYPE_CHECKING, Any, Final

from mall_segments.audit.results import Outcome, Result
from mall_segments.errors import PublishError
from mall_segments.wording import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mall_segments.audit.suites import Suite

_SHOWN_CULPRITS: Final = 5
_LONGEST_VALUE: Final = 300
_NOTHING: Final = "nothing"
_PLACE: Final = "place"
# What is expected of is named before.
_NOUNS: Final = re.compile(
    "expect_(column_|compound_columns_|table_)(pair_)?(values_)?"
)


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
        self._gx: Any = great_expectations
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
        only_warns = accept_drift and suite.meta.is_drift
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = self._checkpoint(suite).run(
                    batch_parameters={"dataframe": frame},
                    expectation_parameters=dict(parameters),
                )
            except self._gx.exceptions.GreatExpectationsError as error:
                raise PublishError(
                    f"the suite {suite.name!r} cannot be run: {error}; parameters are "
                    + ", ".join(parameters)
                ) from None
        (validation,) = found.run_results.values()
        # Great Expectations answers in an order of its own.
        answers = sorted(
            validation.results, key=lambda each: each.expectation_config.meta[_PLACE]
        )
        return [
            _result(suite, answer, frame, only_warns=only_warns) for answer in answers
        ]

    def _checkpoint(self, suite: Suite) -> Any:
        gx, context, name = self._gx, self._context, suite.name
        entries = [each.model_dump() for each in suite.expectations]
        for place, entry in enumerate(entries):
            entry["meta"][_PLACE] = place
        try:
            asked = gx.ExpectationSuite(name=name, expectations=entries)
        except (ValueError, TypeError, gx.exceptions.GreatExpectationsError) as error:
            reason = " ".join(str(error).split())
            raise PublishError(
                f"Great Expectations refuses the suite {name!r}: {reason}"
            ) from None
        # One that it does not know is left out without an error.
        known = {each.expectation_type for each in asked.expectations}
        unknown = {
            entry["type"]: None for entry in entries if entry["type"] not in known
        }
        if unknown:
            raise PublishError(
                f"Great Expectations refuses the suite {name!r}: it has no expectation "
                + ", ".join(unknown)
            )
        definition = gx.ValidationDefinition(
            name=name, data=self._batches, suite=context.suites.add_or_update(asked)
        )
        return context.checkpoints.add_or_update(
            gx.Checkpoint(
                name=name,
                validation_definitions=[
                    context.validation_definitions.add_or_update(definition)
                ],
                result_format={
                    "result_format": "SUMMARY",
                    "partial_unexpected_count": _SHOWN_CULPRITS,
                },
            )
        )


def _result(
    suite: Suite, answer: Any, frame: pd.DataFrame, *, only_warns: bool
) -> Result:
    config = answer.expectation_config
    asked = config.kwargs
    named = [asked[key] for key in ("column", "column_A", "column_B") if key in asked]
    columns = [*named, *asked.get("column_list", asked.get("column_set", ()))]
    outcome = Outcome.PASSED if answer.success else Outcome.FAILED
    if error := _error(answer.exception_info):
        # An expectation that cannot be checked is no matter of degree.
        observed = f"cannot be checked: {error}"
    else:
        observed = _observed(answer, columns, frame, suite.meta.keys)
        if not answer.success and (only_warns or config.severity == "warning"):
            outcome = Outcome.WARNING
    return Result(
        suite=suite.name,
        expectation=config.type,
        # The first of those it compares.
        column=", ".join(columns[:1] if "column_A" in asked else columns),
        meaning=config.meta.get("meaning") or _meaning(config.type, asked),
        outcome=outcome,
        observed=observed,
    )


def _meaning(kind: str, asked: Mapping[str, Any]) -> str:
    """Say what is expected in the words of Great Expectations."""
    words = _NOUNS.sub("", kind).replace("_", " ")
    limits = [
        f"{key} {shorten(value)}"
        for key, value in asked.items()
        if not key.startswith("column") and key != "batch_id"
    ]
    return ": ".join(filter(None, (words, ", ".join(limits))))


def _error(info: Mapping[str, Any]) -> str:
    """Return the last line of what an expectation raised; empty if it did not."""
    for part in (info, *info.values()):
        if isinstance(part, dict) and part.get("exception_message"):
            return str(part["exception_message"]).strip().rpartition("\n")[2]
    return ""


def _observed(
    answer: Any, columns: Sequence[str], frame: pd.DataFrame, keys: Sequence[str]
) -> str:
    n_rows, result = len(frame), answer.result
    if not columns:
        return f"{n_rows:,} rows"
    if answer.success:
        is_one = n_rows == len(columns) == 1
        one = _written(frame[columns[0]].iloc[0]) if is_one else ""
        return one or f"{n_rows:,} of {n_rows:,} rows"
    places = result.get("partial_unexpected_index_list")
    if places is None:
        # About the whole column, such as its mean.
        return _written(result.get("observed_value"))
    culprits = "; ".join(_culprit(columns, frame.loc[place], keys) for place in places)
    n_broken = result["unexpected_count"]
    more = n_broken - len(places)
    tail = f"; and {more:,} more" if more > 0 else ""
    return f"{n_broken:,} of {n_rows:,} rows: {culprits}{tail}"


def _culprit(
    columns: Sequence[str], row: Mapping[str, Any], keys: Sequence[str]
) -> str:
    found = ", ".join(f"{name} {_written(row[name])}" for name in columns)
    named = [f"{key} {_written(row[key])}" for key in keys if key in row]
    example = _written(row.get(f"{columns[0]}_example"))
    if example != _NOTHING:
        named.append(f"for example {example}")
    return f"{found} ({', '.join(named)})" if named else found


def _written(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return _NOTHING
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."

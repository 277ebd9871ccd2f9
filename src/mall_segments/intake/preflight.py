"""Gates: what must hold before anything is fitted, each a refusal by name.

Before any model runs, :func:`check_disk` sees that there is room to build in, and
:func:`check_points` asks the engine whether the file has as many
distinct points as the smallest number of segments asked for. After the rows are
checked, :func:`check_gates` judges the exact counts.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import duckdb

from mall_segments.errors import InputError, PublishError
from mall_segments.home import published_folder, warehouse_file
from mall_segments.publishing.tables import quote_identifier, quote_text
from mall_segments.settings import SETTING_NAMES, parse_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from mall_segments.intake.inputs import CustomerInput
    from mall_segments.settings import Feature, Segmentation, Settings

_SAMPLED_ROWS: Final = 10_000
_ENOUGH_VALUES: Final = 2
# As the models read a number: text such as 150,000.00 loses its commas.
_THOUSANDS: Final = r"^-?[0-9]{1,3}(,[0-9]{3})+([.][0-9]+)?$"


# What a build of a few customers takes, twice over.
LEAST_FREE_MEGABYTES: Final = 32


def check_disk(home: Path) -> None:
    """Refuse to build where the disk is all but full.

    Parameters
    ----------
    home : Path
        The folder that holds ``warehouse/`` and ``published/``, which may be on disks
        of their own.

    Raises
    ------
    PublishError
        If less than ``LEAST_FREE_MEGABYTES`` are free. A disk that fills up later
        fails the model that needs the space.
    """
    for folder in (warehouse_file(home).parent, published_folder(home)):
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        megabytes = shutil.disk_usage(existing).free / 1e6
        if megabytes < LEAST_FREE_MEGABYTES:
            raise PublishError(
                f"The disk of {folder} has {megabytes:.1f} MB free, and a build needs "
                f"at least {LEAST_FREE_MEGABYTES} MB; free some, or set "
                "MALL_SEGMENTS_HOME to a folder on another disk."
            )


def check_points(customers: CustomerInput, settings: Settings) -> None:
    """Refuse a file with too few distinct points for the segments asked for.

    A customer counts whose id is not blank and whose features are numbers within
    their limits. The first rows are looked at, and all of them only if those do not
    hold enough points.

    Parameters
    ----------
    customers : CustomerInput
        The customer file.
    settings : Settings
        The segmentations and the features' limits.

    Raises
    ------
    InputError
        If no customer can be used, or a segmentation has fewer distinct points than
        segments. It names the setting, its value and what is allowed.
    """
    with duckdb.connect() as connection:
        for segmentation in settings.segmentations:
            n_wanted = segmentation.least_segments
            n_sampled = max(_SAMPLED_ROWS, 2 * n_wanted)
            try:
                counts = _count_points(
                    connection, customers, settings, segmentation, limit=n_sampled
                )
                if counts.n_points < n_wanted and counts.n_rows == n_sampled:
                    counts = _count_points(
                        connection, customers, settings, segmentation, limit=None
                    )
            except duckdb.Error as error:
                reason = " ".join(str(error).split())[:300]
                raise InputError(
                    f"{customers.source} cannot be read: {reason}"
                ) from None
            if counts.n_customers == 0:
                raise InputError(_no_customers(customers, segmentation, counts))
            _refuse_few_points(
                segmentation,
                n_customers=counts.n_customers,
                n_points=counts.n_points,
                source=customers.source,
            )


def admit_input(counts: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Refuse a customer file that no trustworthy segments could come from.

    Parameters
    ----------
    counts : pandas.DataFrame
        Rows of ``int_input_counts``: ``measure``, ``subject`` and ``n``.
    settings : mapping
        The settings of the build; keys that are no settings are ignored.

    Returns
    -------
    pandas.DataFrame
        The counts, sorted by measure and subject.

    Raises
    ------
    InputError
        See `check_gates`.
    """
    check_gates(
        {
            (str(row["measure"]), str(row["subject"])): int(row["n"])
            for row in counts.to_dict("records")
        },
        parse_settings(
            {name: settings[name] for name in SETTING_NAMES if name in settings}
        ),
    )
    return counts.sort_values(["measure", "subject"], ignore_index=True)


def check_gates(counts: Mapping[tuple[str, str], int], settings: Settings) -> None:
    """Refuse checked customers that no trustworthy segments could come from.

    Parameters
    ----------
    counts : mapping of (measure, subject) to int
        The rows of ``int_input_counts``. Measures of the whole input have an empty
        subject: ``input rows``, ``accepted customers``, ``rejected rows``, and
        optionally ``rows without a customer`` (blank lines and subtotals: no id, no
        gender, at most one feature), which are rejected but do not count against
        ``max_rejected_share``. ``complete customers`` and ``distinct points`` have the
        segmentation as their subject, ``distinct values`` the feature.
    settings : Settings
        The segmentations and ``max_rejected_share``.

    Raises
    ------
    InputError
        If there are no rows, no accepted customers, too large a share of rejected
        rows, a feature with one value only, or fewer customers or distinct points than
        segments.
    """
    n_rows = counts["input rows", ""]
    n_rejected = counts["rejected rows", ""]
    n_fillers = counts.get(("rows without a customer", ""), 0)
    see = "fct_rejected_customers lists every row with its reasons"
    if n_rows == 0:
        raise InputError("The customer file has a header but no rows.")
    if counts["accepted customers", ""] == 0:
        raise InputError(
            f"All {n_rows:,} rows of the customer file are rejected; {see}."
        )
    share = (n_rejected - n_fillers) / max(n_rows - n_fillers, 1)
    if share > settings.max_rejected_share:
        raise InputError(
            f"{n_rejected - n_fillers:,} of {n_rows - n_fillers:,} customers are "
            f"rejected, a share of {share:.4f}; `max_rejected_share` allows "
            f"{settings.max_rejected_share:g}; {see}."
        )
    for segmentation in settings.segmentations:
        n_customers = counts["complete customers", segmentation.name]
        if n_customers:
            _refuse_constant_features(segmentation, counts)
        _refuse_few_points(
            segmentation,
            n_customers=n_customers,
            n_points=counts["distinct points", segmentation.name],
            source="The customer file",
        )


@dataclass(frozen=True, kw_only=True)
class _PointCounts:
    """What a file holds for one segmentation; ``n_usable`` is by feature."""

    n_rows: int
    n_customers: int
    n_points: int
    n_usable: Mapping[str, int]


def _count_points(
    connection: duckdb.DuckDBPyConnection,
    customers: CustomerInput,
    settings: Settings,
    segmentation: Segmentation,
    *,
    limit: int | None,
) -> _PointCounts:
    features = [settings.feature(name) for name in segmentation.features]
    columns = customers.columns.columns
    values = [
        f"{_usable_value(columns[feature.name], feature)} as v{position}"
        for position, feature in enumerate(features)
    ]
    names = [f"v{position}" for position in range(len(features))]
    complete = " and ".join(f"{name} is not null" for name in ("id", *names))
    query = f"""
        select
            count(*),
            count(*) filter (where {complete}),
            count(distinct ({", ".join(names)},)) filter (where {complete}),
            {", ".join(f"count({name})" for name in names)}
        from (
            select
                nullif({_text(columns["customer_id"])}, '') as id,
                {", ".join(values)}
            from {customers.relation}
            {"" if limit is None else f"limit {limit}"}
        )
    """  # noqa: S608
    n_rows, n_customers, n_points, *n_usable = connection.execute(query).fetchall()[0]
    return _PointCounts(
        n_rows=n_rows,
        n_customers=n_customers,
        n_points=n_points,
        n_usable=dict(zip(segmentation.features, n_usable, strict=True)),
    )


def _text(column: str) -> str:
    return f"trim(cast({quote_identifier(column)} as varchar))"


def _usable_value(column: str, feature: Feature) -> str:
    text = _text(column)
    number = (
        f"try_cast(case when regexp_matches({text}, {quote_text(_THOUSANDS)}) "
        f"then replace({text}, ',', '') else {text} end as double)"
    )
    whole = f" and {number} = round({number})" if feature.is_whole else ""
    limits = f"{feature.minimum!r} and {feature.maximum!r}"
    return (
        f"case when {number} between {limits}{whole} "
        f"then round({number} / {feature.resolution!r}) end"
    )


def _setting(segmentation: Segmentation) -> tuple[str, int]:
    key = "min_segments" if segmentation.n_segments == "auto" else "n_segments"
    return f"`segmentations[{segmentation.name}].{key}`", segmentation.least_segments


def _no_customers(
    customers: CustomerInput, segmentation: Segmentation, counts: _PointCounts
) -> str:
    usable = ", ".join(
        f"{customers.columns.columns[name]!r} in {n:,}"
        for name, n in counts.n_usable.items()
    )
    return (
        f"{customers.source}: none of {counts.n_rows:,} rows has an id and a usable "
        f"value of every feature of {segmentation.name}. A number within the limits "
        f"that `features` sets stands under {usable} rows."
    )


def _refuse_few_points(
    segmentation: Segmentation, *, n_customers: int, n_points: int, source: str
) -> None:
    setting, n_wanted = _setting(segmentation)
    if n_points >= n_wanted:
        return
    features = " and ".join(segmentation.features)
    if n_customers < n_wanted:
        what = f"{_count(n_customers, 'customer')} with a value of {features}"
    else:
        what = (
            f"{_count(n_points, 'distinct point')} of {features} "
            f"({_count(n_customers, 'customer')})"
        )
    allowed = f"at most {n_points:,} is possible"
    if n_points < _ENOUGH_VALUES:
        allowed = f"{_ENOUGH_VALUES} distinct points are the least that can be divided"
    raise InputError(f"{source} has {what}; {setting} is {n_wanted}, and {allowed}.")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _refuse_constant_features(
    segmentation: Segmentation, counts: Mapping[tuple[str, str], int]
) -> None:
    constant = [
        name
        for name in segmentation.features
        if counts.get(("distinct values", name), _ENOUGH_VALUES) < _ENOUGH_VALUES
    ]
    if constant:
        raise InputError(
            f"Every customer has the same value of {' and '.join(constant)}, which "
            f"`segmentations[{segmentation.name}].features` clusters on: leave it out, "
            "or check the column."
        )

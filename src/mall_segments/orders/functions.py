"""The SQL function by which dbt asks how orders are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import duckdb
import yaml

from mall_segments.orders.columns import recognise_order_columns
from mall_segments.orders.opening import (
    OpenedOrders,
    date_format_of_setting,
    open_orders,
)
from mall_segments.settings import parse_settings

if TYPE_CHECKING:
    from collections.abc import Mapping


# Copies of files that the engine cannot read exist as long as these do.
_OPENED: Final[list[OpenedOrders]] = []


def describe_orders(request: Mapping[str, Any]) -> dict[str, Any]:
    """Tell SQL how to read the orders that ``orders_path`` names.

    Parameters
    ----------
    request : mapping
        ``settings`` (the vars, as a mapping or as YAML); where the engine opens the
        files itself, also ``relation`` and ``header`` (column to type of value).

    Returns
    -------
    dict
        ``relation``, ``columns``, ``date_format`` and ``notes`` as
        :class:`~mall_segments.orders.opening.OpenedOrders`.

    Raises
    ------
    MallSegmentsError
        If the orders cannot be read.
    """
    given = request.get("settings", {})
    settings = parse_settings(
        yaml.safe_load(given) if isinstance(given, str) else given
    )
    header = request.get("header")
    if header is not None:
        found = recognise_order_columns(list(header), settings.orders.columns)
        selected = ", ".join(
            f"`{column.replace('`', '``')}` as {name}" for name, column in found.items()
        )
        return {
            "relation": f"(select {selected} from {request['relation']})",  # noqa: S608
            "columns": {name: header[column] for name, column in found.items()},
            "date_format": date_format_of_setting(settings.orders.day_first),
            "notes": [],
        }
    # A connection of its own: the one that asks is within a query.
    with duckdb.connect() as connection:
        opened = open_orders(connection, str(settings.orders_path), settings)
    _OPENED.append(opened)
    return {
        "relation": opened.relation,
        "columns": dict(opened.columns),
        "date_format": opened.date_format,
        "notes": list(opened.notes),
    }

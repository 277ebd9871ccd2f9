"""The kinds of charts of the dashboard, as Superset stores them."""

import json
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
_DRAWN: Final[dict[str, Any]] = {
    "show_legend": True,
    "legendType": "scroll",
    "legendOrientation": "top",
    "legendSort": "asc",
    "rich_tooltip": True,
    "truncateYAxis": False,
    "y_axis_bounds": [None, None],
    "sort_series_type": "name",
    "sort_series_ascending": True,
    "x_axis_title_margin": 30,
    "y_axis_title_margin": 15,
}


def identity(content: Any) -> str:
    """Name a part by its content.

    Superset keeps what it has of the same name, whatever the import says; a part that
    has changed must come under another.
    """
    return str(uuid5(_NAMESPACE, json.dumps(content, sort_keys=True)))


def only(column: str, value: str) -> dict[str, str]:
    """Show only rows that have this value in this column."""
    return {
        "clause": "WHERE",
        "expressionType": "SIMPLE",
        "subject": column,
        "operator": "==",
        "comparator": value,
    }


@dataclass(frozen=True)
class Chart:
    """A chart: its title, the data set it draws and how.

    ``where`` maps columns to the one value that is shown; width is in twelfths of the
    dashboard, height in units of 8 pixels.
    """

    title: str
    dataset: str
    kind: str
    width: int
    height: int
    columns: list[str]
    metrics: list[str]
    params: dict[str, Any]
    where: dict[str, str] = field(default_factory=dict)
    about: str | None = None

    def exported(self, dataset_uuid: str) -> dict[str, Any]:
        """Write it as Superset exports charts, with the query that alerts use."""
        limit = self.params.get("row_limit", 5000)
        query = {
            "columns": self.columns,
            "metrics": self.metrics,
            "filters": [
                {"col": column, "op": "==", "val": value}
                for column, value in self.where.items()
            ],
            "orderby": [
                json.loads(order) for order in self.params.get("order_by_cols", [])
            ],
            "row_limit": limit,
            "extras": {},
            "annotation_layers": [],
        }
        context = {
            "datasource": {"id": 0, "type": "table"},
            "force": False,
            "queries": [query],
            "result_format": "json",
            "result_type": "full",
        }
        content = {
            "slice_name": self.title,
            "description": self.about,
            "viz_type": self.kind,
            "params": {
                "viz_type": self.kind,
                "adhoc_filters": [only(*pair) for pair in self.where.items()],
                "row_limit": limit,
                **self.params,
            },
            "query_context": json.dumps(context),
            "cache_timeout": None,
            "version": "1.0.0",
            "dataset_uuid": dataset_uuid,
        }
        return content | {"uuid": identity(content)}


def number(title: str, dataset: str, metric: str, form: str, **more: Any) -> Chart:
    """Show one number, large."""
    params = {"metric": metric, "y_axis_format": form, "header_font_size": 0.4}
    if "subtitle" in more:
        params["subtitle"] = more.pop("subtitle")
    kind = "big_number_total"
    return Chart(title, dataset, kind, 2, 16, [], [metric], params, **more)


def bars(
    title: str, dataset: str, x: str, metric: str, form: str, width: int, **more: Any
) -> Chart:
    """Draw bars, stacked by ``by`` and with ``shares`` to the whole of each bar."""
    by, shares = more.pop("by", None), more.pop("shares", False)
    upright = more.pop("upright", False)
    params = _DRAWN | {
        "x_axis": x,
        "metrics": [metric],
        "groupby": [by] if by else [],
        "y_axis_format": form,
        "orientation": "vertical" if upright else "horizontal",
        "show_legend": by is not None,
        "show_value": by is None and not upright,
        "x_axis_title": more.pop("x_title", ""),
        "xAxisForceCategorical": True,
        "x_axis_sort": x,
        "x_axis_sort_asc": upright,
        "x_axis_sort_series": "name",
        "x_axis_sort_series_ascending": upright,
    }
    if by:
        params |= {"stack": "Stack", "only_total": not shares}
    if shares:
        params["contributionMode"] = "row"
    kind, columns = "echarts_timeseries_bar", [x, by] if by else [x]
    return Chart(title, dataset, kind, width, 50, columns, [metric], params, **more)


def lines(
    title: str, dataset: str, x: str, metrics: list[str], width: int, **more: Any
) -> Chart:
    """Draw lines over numbers."""
    params = _DRAWN | {
        "x_axis": x,
        "metrics": metrics,
        "groupby": [],
        "y_axis_format": ".2f",
        "markerEnabled": True,
        "markerSize": 6,
        "x_axis_title": more.pop("x_title", ""),
    }
    kind = "echarts_timeseries_line"
    return Chart(title, dataset, kind, width, 50, [x], metrics, params, **more)


def places(
    title: str, dataset: str, x: tuple[str, str], y: tuple[str, str], **more: Any
) -> Chart:
    """Draw points where they lie; the axes are metrics and their titles."""
    columns, metrics = ["point", "segment"], [x[0], y[0], more.pop("size")]
    params = _DRAWN | {
        "series": "segment",
        "entity": "point",
        "x": x[0],
        "y": y[0],
        "size": metrics[2],
        "max_bubble_size": "10",
        "opacity": 0.7,
        "x_axis_label": x[1],
        "y_axis_label": y[1],
        "y_axis_title_margin": 40,
        "xAxisFormat": ",~g",
        "y_axis_format": ",~g",
        "tooltipSizeFormat": ",d",
        "truncateXAxis": False,
    }
    return Chart(title, dataset, "bubble_v2", 6, 60, columns, metrics, params, **more)


def differences(
    title: str, dataset: str, metric: str, width: int, **more: Any
) -> Chart:
    """Draw a heat map of features and segments, neutral at zero."""
    params = {
        "x_axis": "feature",
        "groupby": "segment",
        "metric": metric,
        "normalize_across": "heatmap",
        "linear_color_scheme": "schemePuOr",
        "show_legend": True,
        "show_values": True,
        "sort_x_axis": "alpha_asc",
        "sort_y_axis": "alpha_desc",
        "value_bounds": [-1.5, 1.5],
        "y_axis_format": "+.1f",
        "xscale_interval": 1,
        "yscale_interval": 1,
        "left_margin": "auto",
        "bottom_margin": "auto",
    }
    kind, columns = "heatmap_v2", ["feature", "segment"]
    return Chart(title, dataset, kind, width, 60, columns, [metric], params, **more)


def table(
    title: str, dataset: str, columns: list[str], width: int, **more: Any
) -> Chart:
    """List rows; ``order`` has pairs of a column and whether it ascends."""
    height = more.pop("height", 50)
    formats = more.pop("formats", {})
    params = {
        "query_mode": "raw",
        "all_columns": columns,
        "order_by_cols": [json.dumps(order) for order in more.pop("order", [])],
        "column_config": {
            column: {"d3NumberFormat": form} for column, form in formats.items()
        },
        "server_page_length": 10,
        "show_cell_bars": False,
        "table_timestamp_format": "smart_date",
        "include_search": more.pop("search", False),
        "row_limit": 1000,
    }
    return Chart(title, dataset, "table", width, height, columns, [], params, **more)

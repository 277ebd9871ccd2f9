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
    params: dict[str, Any]
    where: dict[str, str] = field(default_factory=dict)

    def exported(self, dataset_uuid: str) -> dict[str, Any]:
        """Write it as Superset exports charts."""
        content = {
            "slice_name": self.title,
            "viz_type": self.kind,
            "params": {
                "viz_type": self.kind,
                "adhoc_filters": [only(*pair) for pair in self.where.items()],
                "row_limit": 5000,
                **self.params,
            },
            "version": "1.0.0",
            "dataset_uuid": dataset_uuid,
        }
        return content | {"uuid": identity(content)}


def number(title: str, dataset: str, metric: str, form: str, **params: Any) -> Chart:
    """Show one number, large."""
    params |= {"metric": metric, "y_axis_format": form, "header_font_size": 0.4}
    return Chart(title, dataset, "big_number_total", 2, 16, params)


def bars(title: str, dataset: str, x: str, metric: str, width: int) -> Chart:
    """Draw a bar for each name, with its number."""
    params = _bars(x, metric, None) | {"y_axis_format": ",~g", "show_value": True}
    return Chart(title, dataset, "echarts_timeseries_bar", width, 50, params)


def shares(title: str, dataset: str, by: str, width: int) -> Chart:
    """Draw a bar for each segment, of the shares of its customers."""
    params = _bars("segment", "customers", by) | {
        "y_axis_format": ".0%",
        "stack": "Stack",
        "only_total": False,
        "contributionMode": "row",
    }
    return Chart(title, dataset, "echarts_timeseries_bar", width, 50, params)


def histogram(title: str, dataset: str, by: str | None) -> Chart:
    """Draw upright bars over what the bins of a feature begin with."""
    params = _bars("bin_from", "customers", by) | {
        "y_axis_format": ",d",
        "orientation": "vertical",
        "x_axis_title": f"{title}, from",
        "x_axis_sort_asc": True,
        "x_axis_sort_series_ascending": True,
        "stack": "Stack",
        "only_total": True,
    }
    kind = "echarts_timeseries_bar"
    return Chart(title, dataset, kind, 4, 50, params, {"feature": title})


def _bars(x: str, metric: str, by: str | None) -> dict[str, Any]:
    return _DRAWN | {
        "x_axis": x,
        "metrics": [metric],
        "groupby": [by] if by else [],
        "orientation": "horizontal",
        "show_legend": by is not None,
        "xAxisForceCategorical": True,
        "x_axis_sort": x,
        "x_axis_sort_asc": False,
        "x_axis_sort_series": "name",
        "x_axis_sort_series_ascending": False,
    }


def lines(title: str, dataset: str, x: str, metrics: list[str], width: int) -> Chart:
    """Draw lines over numbers."""
    params = _DRAWN | {
        "x_axis": x,
        "metrics": metrics,
        "groupby": [],
        "y_axis_format": ".2f",
        "markerEnabled": True,
        "markerSize": 6,
    }
    return Chart(title, dataset, "echarts_timeseries_line", width, 50, params)


def places(
    title: str, dataset: str, x: tuple[str, str], y: tuple[str, str], size: str
) -> Chart:
    """Draw points where they lie; the axes are metrics and their titles."""
    params = _DRAWN | {
        "series": "segment",
        "entity": "point",
        "x": x[0],
        "y": y[0],
        "size": size,
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
    return Chart(title, dataset, "bubble_v2", 6, 60, params)


def differences(title: str, dataset: str, metric: str, width: int) -> Chart:
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
    return Chart(title, dataset, "heatmap_v2", width, 60, params)


def table(
    title: str,
    dataset: str,
    columns: dict[str, str | None],
    width: int,
    order: list[tuple[str, bool]] | None = None,
    *,
    height: int = 50,
    search: bool = False,
) -> Chart:
    """List rows; columns may have a format, an order has whether it ascends."""
    params = {
        "query_mode": "raw",
        "all_columns": list(columns),
        "order_by_cols": [json.dumps(each) for each in order or []],
        "column_config": {
            column: {"d3NumberFormat": form} for column, form in columns.items() if form
        },
        "server_page_length": 10,
        "show_cell_bars": False,
        "table_timestamp_format": "smart_date",
        "include_search": search,
        "row_limit": 1000,
    }
    return Chart(title, dataset, "table", width, height, params)

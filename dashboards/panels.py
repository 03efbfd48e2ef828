"""Building blocks of dashboards: panels in Grafana's classic JSON (schema v1).

What stands here is all of Grafana that the dashboards use, and so all that the local page has to draw:

- Kinds: stat, timeseries, table, bargauge, heatmap, text, row.
- Queries, one a panel, refId A. timeseries and heatmap: format 0, `time` ascending, then either value columns, each of
  them a line, or a string column `series` and one value column: a line (heatmap: a row of cells) for each series. Where
  series are fleets, `color` is a label as well. The rest: format 1. A stat's query has one row, and each numeric column
  is a tile. A bargauge's has a string column that names the bar and one numeric column. A table has the columns of its
  fields, in that order. Every other column has an override, by which it has its name; not a bargauge's, where that
  would be the name of every bar.
- fieldConfig.defaults: unit, decimals, min, max, noValue, displayName (only `${__field.labels.series}`), color.mode
  (thresholds, palette-classic, palette-classic-by-name), thresholds (absolute); of timeseries custom.drawStyle (line,
  bars), lineWidth, fillOpacity, showPoints (never), spanNulls (false), stacking.mode (none, normal),
  thresholdsStyle.mode (off, dashed), axisSoftMax.
- Overrides, byName of the column: displayName, unit, decimals, min, max, color (fixed), thresholds, links; of
  timeseries custom.lineWidth, custom.fillOpacity, custom.lineStyle (dashed), custom.fillBelowTo (a column),
  custom.axisPlacement (right), custom.stacking (none); of tables custom.width, custom.minWidth, custom.hidden with
  custom.hideFrom.viz, and custom.cellOptions (color-text, color-background, gauge). Of fleets' lines, byRegexp of the
  label: color; byType number: displayName.
- Options: stat colorMode (value); timeseries legend.displayMode (list, table with calcs lastNotNull and
  max) and legend.placement (bottom, right); table sortBy (one column); bargauge orientation; heatmap color.scheme
  (Oranges, RdYlGn), color.reverse, color.min, color.max, cellValues.unit and yAxis.axisWidth; text content (Markdown).
- Units and colors: `UNITS` and `COLORS` in fields.py.
- Links go to /d/UID, with `${__url_time_range}`, `${__all_variables}`, and in cells of tables
  `${datasource:queryparam}` and var-NAME=`${__data.fields.COLUMN}`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, Required, TypedDict, Unpack

from dashboards import sdk
from dashboards.fields import NEUTRAL, SERIES_NAME, UNITS, Steps, fleet_colors, thresholds
from dashboards.names import DATA_SOURCE_TYPE
from dashboards.sdk import Dataquery, Field, Link, Panel
from dashboards.sql import compose
from dashboards.supported import PLUGIN
from dashboards.widths import sized

MAX_POINTS: Final = 720
"""Most points of a line. A day then has an interval of two minutes, so that sums by minute are read for it."""


class Query(Dataquery):  # type: ignore[misc]  # the SDK's types are not followed
    """A query of Grafana's ClickHouse plugin; `table` rows stay as they are, else they become time series."""

    def __init__(self, text: str, *, table: bool, ref: str = "A") -> None:
        self.text, self.table, self.ref = compose(text), table, ref

    def to_json(self) -> dict[str, object]:
        """Return the target as the plugin reads it."""
        return {
            "refId": self.ref,
            "datasource": datasource(),
            "editorType": "sql",
            "queryType": "table" if self.table else "timeseries",
            "format": 1 if self.table else 0,
            "pluginVersion": PLUGIN,
            "rawSql": self.text,
            "meta": {"timezone": "UTC"},
        }


def datasource() -> sdk.common.DataSourceRef:
    """Return the data source that is chosen on the dashboard."""
    return sdk.common.DataSourceRef(type_val=DATA_SOURCE_TYPE, uid="${datasource}")


class Shown(TypedDict, total=False):
    """What a panel of any kind may say: `width` is of 24 columns, `low` and `high` end its scale."""

    unit: Required[str]
    links: Required[Sequence[Link]]
    width: int
    height: int
    fields: Sequence[Field]
    steps: Steps
    decimals: int
    low: float
    high: float
    no_value: str


def stat(id_: int, title: str, description: str, query: str, **shown: Unpack[Shown]) -> Panel:
    """Return tiles: one for each numeric column of the query's single row."""
    options = sdk.stat.Options(
        graph_mode="none",
        color_mode="value",
        reduce_options=sdk.common.ReduceDataOptions(values=False, calcs=["lastNotNull"], fields=""),
    )
    return _panel(id_, title, description, Query(query, table=True), shown, kind="stat", options=options)


def timeseries(
    id_: int,
    title: str,
    description: str,
    query: str,
    *,
    by_series: str = "",
    stacked: bool = False,
    bars: bool = False,
    fill: int = 0,
    limits: bool = False,
    **shown: Unpack[Shown],
) -> Panel:
    """Return lines over time: one for each field, or one for each value of `series`, of the column `by_series`.

    A line ends at a null. With a column `color`, each series has that of its fleet. `fill` is the opacity below a line
    in percent; `limits` draws the thresholds as dashed lines.
    """
    of_fleets = bool(by_series) and bool(_COLORED.search(query))
    beside = shown.get("width", _COLUMNS // 2) >= _COLUMNS // 2
    custom = {
        "drawStyle": "bars" if bars else "line",
        "lineWidth": 1,
        "fillOpacity": fill,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if limits else "off"},
        # Where all are 0, an axis of shares would else end at 10,000 %.
        **({"axisSoftMax": _LEAST_SHARE} if shown["unit"] == "percentunit" and "high" not in shown else {}),
    }
    options = sdk.timeseries.Options(
        legend=sdk.common.VizLegendOptions(
            display_mode="table" if by_series and beside else "list",
            placement="right" if by_series and beside else "bottom",
            show_legend=True, calcs=["lastNotNull", "max"] if by_series and beside else [],
        ),
        tooltip=sdk.common.VizTooltipOptions(mode="multi", sort="desc" if by_series else "none"),
    )  # fmt: skip
    color = "palette-classic-by-name" if by_series else "palette-classic"
    panel = _panel(
        id_,
        title,
        description,
        Query(query, table=False),
        shown,
        kind="timeseries",
        options=options,
        custom=custom,
        color=color,
    )
    if of_fleets:
        panel.field_config.overrides = fleet_colors()
    elif by_series:
        panel.field_config.defaults.display_name = SERIES_NAME
    return panel


def table(
    id_: int,
    title: str,
    description: str,
    query: str,
    *,
    sort: str | None = None,
    **shown: Unpack[Shown],
) -> Panel:
    """Return a table of the fields' columns; `sort` is the column, as it is shown, whose largest value comes first.

    Of a table without rows Grafana shows headings alone: its query fills in one that says why.
    """
    shown["fields"] = sized(shown["fields"], shown["unit"])
    shown.setdefault("no_value", "-")
    options = sdk.table.Options(
        cell_height="sm",
        footer=sdk.common.TableFooterOptions(),
        sort_by=[] if sort is None else [sdk.common.TableSortByFieldState(display_name=sort, desc=True)],
    )
    custom = {"align": "auto", "cellOptions": {"type": "auto"}}
    return _panel(
        id_, title, description, Query(query, table=True), shown, kind="table", options=options, custom=custom
    )


def bargauge(
    id_: int, title: str, description: str, query: str, *, upright: bool = False, **shown: Unpack[Shown]
) -> Panel:
    """Return one bar for each row of the query: a string column names it, a numeric one is its length."""
    options = sdk.bargauge.Options(
        display_mode="basic",
        orientation="vertical" if upright else "horizontal",
        reduce_options=sdk.common.ReduceDataOptions(values=True, calcs=[], fields="", limit=100),
    )
    return _panel(id_, title, description, Query(query, table=True), shown, kind="bargauge", options=options)


def heatmap(
    id_: int,
    title: str,
    description: str,
    query: str,
    *,
    scheme: Literal["Oranges", "RdYlGn"] = "Oranges",
    reverse: bool = False,
    **shown: Unpack[Shown],
) -> Panel:
    """Return a row of cells over time for each value of `series`; `low` and `high` end the scale of colors."""
    options = sdk.heatmap.Options(
        calculate=False,
        color=sdk.heatmap.HeatmapColorOptions(
            mode="scheme", scheme=scheme, fill="dark-orange", scale="exponential", exponent=1, steps=64,
            reverse=reverse, min_val=shown.get("low"), max_val=shown.get("high"),
        ),
        show_value="never",
        cell_values=sdk.heatmap.CellValues(unit=shown["unit"], decimals=shown.get("decimals")),
        tooltip=sdk.heatmap.HeatmapTooltip(mode="single", show_color_scale=True),
        filter_values=sdk.heatmap.FilterValueRange(),
        y_axis=sdk.heatmap.YAxisConfig(axis_width=_NAMES_PX),
    )  # fmt: skip
    panel = _panel(id_, title, description, Query(query, table=False), shown, kind="heatmap", options=options)
    panel.field_config.defaults.display_name = SERIES_NAME
    return panel


def text(id_: int, title: str, description: str, content: str, *, width: int = 24, height: int = 3) -> Panel:
    """Return words in Markdown."""
    return Panel(
        type_val="text",
        id_val=id_,
        title=title,
        description=description,
        grid_pos=sdk.dashboard.GridPos(w=width, h=height),
        options=sdk.text.Options(mode="markdown", content=content.strip()),
    )


_COLORED: Final = re.compile(r"\bcolor\b")
_LEAST_SHARE: Final = 0.001
_NAMES_PX: Final = 170
_COLUMNS: Final = 24
_HEIGHTS: Final[Mapping[str, int]] = {"stat": 4, "timeseries": 9, "table": 9, "bargauge": 9, "heatmap": 9}
_WIDTHS: Final[Mapping[str, int]] = {"stat": 4}


def _panel(
    id_: int,
    title: str,
    description: str,
    query: Query,
    shown: Shown,
    *,
    kind: str,
    options: object,
    color: str = "thresholds",
    custom: Mapping[str, object] | None = None,
) -> Panel:
    """Put a panel together; where it stands is the board's."""
    if shown["unit"] not in UNITS:
        raise ValueError(f"panel {id_}, {title}: {shown['unit']!r} is not among UNITS")
    defaults = sdk.dashboard.FieldConfig(
        unit=shown["unit"],
        decimals=shown.get("decimals"),
        min_val=shown.get("low"),
        max_val=shown.get("high"),
        no_value=shown.get("no_value", "no data"),
        thresholds=thresholds(shown.get("steps", NEUTRAL)),
        color=sdk.dashboard.FieldColor(mode=color),
        custom=custom,
    )
    return Panel(
        type_val=kind,
        id_val=id_,
        title=title,
        description=description,
        datasource=datasource(),
        targets=[query],
        links=list(shown["links"]),
        max_data_points=MAX_POINTS,
        grid_pos=sdk.dashboard.GridPos(
            w=shown.get("width", _WIDTHS.get(kind, 12)), h=shown.get("height", _HEIGHTS[kind])
        ),
        options=options,
        field_config=sdk.dashboard.FieldConfigSource(defaults=defaults, overrides=list(shown.get("fields", ()))),
    )

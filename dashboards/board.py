"""A board: rows of panels with the variables, links and annotations that all boards have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dashboards.names import DATA_SOURCE_TYPE, TAG
from dashboards.panels import Query, datasource
from dashboards.sdk import Board, Link, Panel, Variable, common, dashboard

FLEET_POWER: Final = "gigawatt-fleet-power"
UTILIZATION: Final = "gigawatt-utilization"
DYNAMICS: Final = "gigawatt-dynamics"
CHIPS: Final = "gigawatt-chips"
TRUST: Final = "gigawatt-trust"
"""The uids of the boards, by which others link to them."""

_COLUMNS: Final = 24
_REFRESHED_ON_RANGE: Final = 2
_REFRESHED_ON_LOAD: Final = 1

# What there is at all is known hour by hour; what is budgeted and silent is in the budgets.
_KNOWN: Final = """
SELECT DISTINCT {column} FROM
(
    SELECT {column} FROM power_by_hour
    WHERE time >= toStartOfHour($__fromTime) AND time <= $__toTime AND model NOT IN ('host-meter', 'rack-meter')
    {budgets}
)
ORDER BY {column}
"""
_BUDGETED: Final = "UNION ALL SELECT {column} FROM budgets"

_CAPACITY_CHANGES: Final = """
SELECT time, concat(site, ' / ', fleet, ' / ', platform, ': ', text) AS text, 'capacity' AS tags
FROM capacity_changes
WHERE $__timeFilter(time) AND @fleets
ORDER BY time
"""


@dataclass(frozen=True)
class Row:
    """Panels under one heading. They flow from left to right; what does not fit beside the others begins a line."""

    id: int
    title: str
    panels: Sequence[Panel]


def variable(name: str, label: str, description: str, query: str, *, multi: bool = True) -> Variable:
    """Return a variable to choose from: several values and all of them, or with `multi` off one."""
    asked = Query(query, table=True, ref=name)
    return Variable(
        type_val="query",
        name=name,
        label=label,
        description=description,
        datasource=datasource(),
        query={key: value for key, value in asked.to_json().items() if key in _OF_A_VARIABLE},
        definition=asked.text,
        refresh=_REFRESHED_ON_RANGE,
        multi=multi,
        include_all=multi,
        allow_custom_value=False,
        current=dashboard.VariableOption(selected=True, text=["All"], value=["$__all"]) if multi else None,
    )


_OF_A_VARIABLE: Final = ("refId", "editorType", "queryType", "format", "rawSql")


def textbox(name: str, label: str, description: str) -> Variable:
    """Return a variable to type in, empty at first: for what has more values than a list can show."""
    return Variable(
        type_val="textbox",
        name=name,
        label=label,
        description=description,
        query="",
        current=dashboard.VariableOption(selected=True, text="", value=""),
    )


def board(
    uid: str,
    title: str,
    description: str,
    rows: Sequence[Row],
    *,
    variables: Sequence[Variable] = (),
    refresh: str = "10s",
    since: str = "now-1h",
) -> Board:
    """Return a board; `variables` are those beside data source, site, fleet, platform and model.

    Raises `ValueError` where two panels have one id: links, alerts and the page name panels by it.
    """
    ids = [row.id for row in rows] + [panel.id_val for row in rows for panel in row.panels]
    if twice := {id_ for id_ in ids if ids.count(id_) > 1}:
        raise ValueError(f"{uid}: panel ids {sorted(twice)} are given twice")
    return Board(
        uid=uid,
        title=title,
        description=description,
        tags=[TAG],
        timezone="utc",
        editable=False,
        graph_tooltip=1,  # the crosshair is shared
        refresh=refresh,
        time=dashboard.DashboardDashboardTime(from_val=since, to="now"),
        timepicker=dashboard.TimePickerConfig(refresh_intervals=["5s", "10s", "30s", "1m", "5m"]),
        panels=list(placed(rows)),
        templating=dashboard.DashboardDashboardTemplating(list_val=[_source(), *map(_of_labels, _LABELS), *variables]),
        annotations=dashboard.AnnotationContainer(list_val=[_alerts(), _capacity_changes()]),
        links=[_to_other_boards()],
    )


_LABELS: Final[Mapping[str, str]] = {
    "site": "data centre or region",
    "fleet": "the pool that is budgeted together",
    "platform": "tpu, trainium, nvidia or amd",
    "model": "chip model; figures that exist per platform only cover the platforms of that model",
}


def _source() -> Variable:
    return Variable(
        type_val="datasource",
        name="datasource",
        label="Data source",
        description="ClickHouse with the database gigawatt",
        query=DATA_SOURCE_TYPE,
        refresh=_REFRESHED_ON_LOAD,
    )


def _of_labels(label: str) -> Variable:
    budgets = "" if label == "model" else _BUDGETED.format(column=label)
    return variable(label, label.capitalize(), _LABELS[label], _KNOWN.format(column=label, budgets=budgets))


def _alerts() -> dashboard.AnnotationQuery:
    """Return Grafana's own annotations, in which changes of an alert's state are."""
    made = dashboard.AnnotationQuery(
        name="Alerts",
        datasource=common.DataSourceRef(type_val="grafana", uid="-- Grafana --"),
        built_in=1,
        type_val="dashboard",
        hide=True,
        icon_color="red",
    )
    made.placement = None
    return made


def _capacity_changes() -> dashboard.AnnotationQuery:
    made = dashboard.AnnotationQuery(
        name="Capacity changes",
        datasource=datasource(),
        icon_color="blue",
        target=Query(_CAPACITY_CHANGES, table=True),
    )
    made.placement = None
    return made


def _to_other_boards() -> Link:
    link = Link(
        title="Boards", type_val="dashboards", tags=[TAG], icon="external link", include_vars=True, keep_time=True
    )
    link.placement = None
    return link


def placed(rows: Sequence[Row]) -> Sequence[Panel]:
    """Give each panel its place: rows one below the other, panels in them from left to right."""
    y, everything = 0, list[Panel]()
    for row in rows:
        heading = dashboard.RowPanel(
            title=row.title, id_val=row.id, grid_pos=dashboard.GridPos(x=0, y=y, w=_COLUMNS, h=1)
        )
        x, y, height = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.grid_pos.w > _COLUMNS:
                x, y, height = 0, y + height, 0
            panel.grid_pos.x, panel.grid_pos.y = x, y
            x, height = x + panel.grid_pos.w, max(height, panel.grid_pos.h)
        y += height
        everything += [heading, *row.panels]
    return everything

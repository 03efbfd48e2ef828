"""How a column is shown: units, colors, thresholds and links."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from dashboards import sdk
from dashboards.sdk import Field, Link

UNITS: Final = (
    *("watt", "watth", "si:W/s", "percentunit", "celsius", "s", "decbytes", "short", "locale", "none"),
    *("dateTimeAsIso", "string", "suffix:Hz", "suffix:x"),
)
"""Grafana's units that panels may have: those of SI are scaled (kW, MW), a percentunit of 1 is 100 %.

Counts are `locale`, which groups digits: `short` makes 2 K of 2,160.
"""

COLORS: Final = ("green", "yellow", "orange", "red", "blue", "purple", "text", "semi-dark-blue", "super-light-blue")
"""`text` is that of the theme, for what is neither good nor bad."""


Steps = Sequence[tuple[float | None, str]]
"""Thresholds: each color holds from its value on; the first value is None."""

NEUTRAL: Final[Steps] = ((None, "text"),)
"""The first color is also that of no value, so it is the theme's wherever a value is judged."""

LEAST: Final = -1e12
"""Below any value: where a threshold begins that is not to hold for no value."""

FLEET_COLORS: Final = (
    *("#3274d9", "#ff780a", "#37a34a", "#e02f44", "#a352cc", "#00a8a8"),
    *("#e5b400", "#ea6db3", "#8f6a3d", "#8896a8", "#93c01f", "#63c3ea"),
)
"""Told apart on dark and on light; a thirteenth fleet has the first one again."""

FLEET_PATH: Final = "fleet_path"
"""The column of a table with site, fleet and platform in one."""


def thresholds(steps: Steps) -> sdk.dashboard.ThresholdsConfig:
    """Return thresholds of absolute values."""
    return sdk.dashboard.ThresholdsConfig(
        steps=[sdk.dashboard.Threshold(value=value, color=color) for value, color in steps]
    )


def drill(uid: str, title: str) -> Link:
    """Return a panel's link to another board, with the same time range and variables."""
    return _link(title, f"/d/{uid}?${{__url_time_range}}&${{__all_variables}}")


def drill_row(uid: str, title: str, **variables: str) -> Link:
    """Return a link of a table's cell to another board; each variable is set to that row's value of a column.

    `drill_row("gigawatt-chips", "Its chips", site="site", fleet="fleet")`
    """
    chosen = "".join(f"&var-{name}=${{__data.fields.{column}}}" for name, column in variables.items())
    return _link(title, f"/d/{uid}?${{__url_time_range}}&${{datasource:queryparam}}{chosen}")


def _link(title: str, url: str) -> Link:
    link = Link(title=title, url=url)
    link.placement = None  # which older versions do not know
    return link


def field(
    name: str,
    *,
    title: str | None = None,
    unit: str | None = None,
    decimals: int | None = None,
    low: float | None = None,
    high: float | None = None,
    color: str | None = None,
    steps: Steps | None = None,
    link: Link | None = None,
    width_px: int | None = None,
    grows_from_px: int | None = None,
    hidden: bool = False,
    cell: Literal["color-text", "color-background", "gauge"] | None = None,
    line_width: int | None = None,
    fill: int | None = None,
    fill_below_to: str | None = None,
    dashed: bool = False,
    right_axis: bool = False,
    unstacked: bool = False,
) -> Field:
    """Return how one column is shown, where it differs from its panel. `fill` is an opacity in percent.

    A table's column that grows takes what the others leave, and no less than so many pixels. A hidden one is for links.
    Without a title it is its name in words: left alone, Grafana would put the query's letter before it.
    """
    if unit is not None and unit not in UNITS:
        raise ValueError(f"field {name}: {unit!r} is not among UNITS")
    shown: dict[str, object | None] = {
        "displayName": title or name.replace("_", " "),
        "unit": unit,
        "decimals": decimals,
        "min": low,
        "max": high,
        "color": None if color is None else {"mode": "fixed", "fixedColor": color},
        "thresholds": None if steps is None else thresholds(steps),
        "links": None if link is None else [link],
        "custom.width": width_px,
        "custom.minWidth": grows_from_px,
        "custom.hidden": hidden or None,  # up to Grafana 12.1
        "custom.hideFrom.viz": hidden or None,
        "custom.cellOptions": None if cell is None else _CELLS[cell],
        "custom.lineWidth": line_width,
        "custom.fillOpacity": fill,
        "custom.fillBelowTo": fill_below_to,
        "custom.lineStyle": {"fill": "dash", "dash": [8, 6]} if dashed else None,
        "custom.axisPlacement": "right" if right_axis else None,
        "custom.stacking": {"mode": "none", "group": "A"} if unstacked else None,
    }
    return Field(
        matcher=sdk.dashboard.MatcherConfig(id_val="byName", options=name),
        properties=[
            sdk.dashboard.DynamicConfigValue(id_val=name, value=value)
            for name, value in shown.items()
            if value is not None
        ],
    )


def fleet_fields(link: Link, *, grows: bool = True) -> tuple[Field, ...]:
    """Return the column that names a row's fleet, with this link, and the hidden ones that the link needs."""
    growing, fixed = (_PATH_PX, None) if grows else (None, _PATH_PX)
    return (
        field(FLEET_PATH, title="site / fleet / platform", link=link, grows_from_px=growing, width_px=fixed),
        *(field(name, hidden=True) for name in ("site", "fleet", "platform")),
    )


def fleet_colors() -> list[Field]:
    """Return what gives each fleet's line its color and its name, by the labels `color` and `series`."""
    colored = [
        Field(
            matcher=sdk.dashboard.MatcherConfig(id_val="byRegexp", options=f'/color="{place:02}"/'),
            properties=[sdk.dashboard.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": color})],
        )
        for place, color in enumerate(FLEET_COLORS)
    ]
    # Last: a field with a name of its own is not matched by its labels any more.
    named = Field(
        matcher=sdk.dashboard.MatcherConfig(id_val="byType", options="number"),
        properties=[sdk.dashboard.DynamicConfigValue(id_val="displayName", value=SERIES_NAME)],
    )
    return [*colored, named]


SERIES_NAME: Final = "${__field.labels.series}"
_PATH_PX: Final = 200
_CELLS: Final[Mapping[str, Mapping[str, str]]] = {
    "color-text": {"type": "color-text"},
    "color-background": {"type": "color-background", "mode": "basic"},
    "gauge": {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"},
}

"""How a Grafana would show a panel, by its JSON alone: what would be wrong, hidden or misread there.

Read in Grafana 12.2 (`fieldOverrides.ts`, `nameMatcher.ts`, `TableNG/utils.ts`, `VizLayout.tsx`) and seen on it.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from dashboards.check.complaint import Complaint
from dashboards.widths import NARROW_PX, USUAL_PX, heading_px, inner_px

Panel = Mapping[str, Any]

_LEAST_COLUMN_PX: Final = 150
_FLEETS: Final = 9
"""So many lines a legend must show: what `gigawatt up` simulates, and a usual number of fleets."""
_ENTRY_PX: Final = 200
"""Of a legend below: the color, and a name such as virginia / frontier / trainium."""
_ENTRY_HEIGHT_PX: Final = 22
_ROW_HEIGHT_PX: Final = 26
_LEGEND_SHARE: Final = 0.35
_UNIT_HEIGHT_PX: Final = 38
_AROUND_HEIGHT_PX: Final = 56
_WORDS: Final = re.compile(r"INTERPOLATE \(\w+ AS '([^']*)'\)")
_LETTER_PX: Final = 6.8
_AROUND_CELL_PX: Final = 13
_NEUTRAL: Final = ("text", "transparent")


def unfit(panel: Panel) -> Iterator[Complaint]:
    """Say why a Grafana would not show this panel as it is meant."""
    yield from _ambiguous(panel)
    yield from _judged_without_value(panel)
    if panel["type"] == "table":
        yield from _out_of_sight(panel)
    if panel["type"] == "timeseries":
        yield from _cut_legend(panel)


def _ambiguous(panel: Panel) -> Iterator[Complaint]:
    """Say which columns an override would take for each other: it matches names that are shown, too."""
    shown = {name: one.get("displayName", name) for name, one in _columns(panel).items()}
    for name, title in shown.items():
        for other in shown.keys() - {name}:
            if title == other:
                yield Complaint(f"{name} is shown as {title}, which is another column's name", "give it another title")
            elif name < other and title == shown[other]:
                yield Complaint(f"{name} and {other} are both shown as {title}", "give one another title")


def _judged_without_value(panel: Panel) -> Iterator[Complaint]:
    """Say what would be judged without a value: it has the color of the first threshold."""
    if panel["type"] not in ("stat", "table", "bargauge"):
        return
    judged = {"the panel": panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds")}
    judged |= {name: one.get("thresholds") for name, one in _columns(panel).items()}
    for name, thresholds in judged.items():
        steps = (thresholds or {}).get("steps", ())
        if len(steps) > 1 and steps[0]["color"] not in _NEUTRAL:
            yield Complaint(f"no value of {name} would be {steps[0]['color']}", "begin its thresholds with text")
        if name == "the panel" and str(panel.get("options", {}).get("colorMode", "")).startswith("background"):
            yield Complaint("tiles have a background, lavender or black where the color is text", "color the value")


def _out_of_sight(panel: Panel) -> Iterator[Complaint]:
    columns = {name: one for name, one in _columns(panel).items() if not one.get("custom.hidden")}
    if not columns or "gridPos" not in panel:
        return
    width = int(panel["gridPos"]["w"])
    for name, one in columns.items():
        if (least := one.get("custom.width", math.inf)) < (needed := heading_px(str(one.get("displayName", name)))):
            yield Complaint(f"the heading of {name} is cut at {least} px", f"make it {needed} px wide")
    yield from _cut_words(panel, columns)
    edge_px = 0
    for place, (name, one) in enumerate(columns.items()):
        edge_px += one.get("custom.width") or one.get("custom.minWidth") or _LEAST_COLUMN_PX
        window_px = NARROW_PX if place < 2 else USUAL_PX  # noqa: PLR2004  the name, and its first value
        if edge_px > (room_px := inner_px(width, window_px)):
            yield Complaint(
                f"the column {name} ends at {edge_px} px, and a window of {window_px} px shows {room_px}",
                "make columns narrower, remove some, or make the panel wider",
            )
            return


def _cut_words(panel: Panel, columns: Mapping[str, Mapping[str, Any]]) -> Iterator[Complaint]:
    """Say where the words for no rows are longer than the first column, in which they stand."""
    words = _WORDS.search("".join(str(one.get("rawSql", "")) for one in panel.get("targets", ())))
    fixed_px = sum(one.get("custom.width", 0) for one in columns.values())
    grow = sum("custom.width" not in one for one in columns.values())
    first = next(iter(columns.values()))
    shared_px = (inner_px(int(panel["gridPos"]["w"]), USUAL_PX) - fixed_px) / max(grow, 1)
    room_px = first.get("custom.width") or max(shared_px, first.get("custom.minWidth", _LEAST_COLUMN_PX))
    if words and (needed_px := len(words[1]) * _LETTER_PX + _AROUND_CELL_PX) > room_px:
        yield Complaint(
            f'"{words[1]}" needs {needed_px:.0f} px, and the first column has {room_px:.0f}', "use fewer words"
        )


def _cut_legend(panel: Panel) -> Iterator[Complaint]:
    """Say where a usual number of fleets has no room: below the chart is a third of the height, beside it all of it."""
    legend = panel.get("options", {}).get("legend", {})
    if "gridPos" not in panel or not _is_by_series(panel) or not legend.get("showLegend", True):
        return
    place = panel["gridPos"]
    height_px = place["h"] * _UNIT_HEIGHT_PX - _AROUND_HEIGHT_PX
    if legend.get("displayMode") == "table":
        needed, room = (_FLEETS + 1) * _ROW_HEIGHT_PX, height_px
    else:
        needed = math.ceil(_FLEETS / max(1, inner_px(place["w"], USUAL_PX) // _ENTRY_PX)) * _ENTRY_HEIGHT_PX
        room = height_px
    if legend.get("placement", "bottom") == "bottom":
        room = math.floor(_LEGEND_SHARE * height_px)
    if needed > room:
        yield Complaint(
            f"of {_FLEETS} lines the legend needs {needed} px, and has {room}", "make the panel higher, or wider"
        )


def _is_by_series(panel: Panel) -> bool:
    config = panel.get("fieldConfig", {})
    named = [config.get("defaults", {}).get("displayName"), *(one.get("displayName") for one in _overrides(config))]
    return any("labels" in str(one) for one in named)


def _columns(panel: Panel) -> dict[str, dict[str, Any]]:
    """Return what is told of each column, by the names of its properties."""
    config = panel.get("fieldConfig", {})
    told: dict[str, dict[str, Any]] = {}
    for override in config.get("overrides", ()):
        if override.get("matcher", {}).get("id") == "byName":
            properties = {one["id"]: one["value"] for one in override.get("properties", ())}
            told.setdefault(str(override["matcher"]["options"]), {}).update(properties)
    return told


def _overrides(config: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    return [{one["id"]: one["value"] for one in o.get("properties", ())} for o in config.get("overrides", ())]

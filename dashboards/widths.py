"""How wide a table's columns are: Grafana gives each 150 pixels and more, and what does not fit is not seen.

Measured on Grafana 12.2: a board has 24 columns with 8 pixels in between, in the width of the window less 32; a panel
loses 18 for its padding and border. A column is as wide as its longest usual text, or its heading.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from dashboards.sdk import Field, dashboard

NARROW_PX: Final = 1280
"""The narrowest window, or one of 1600 beside Grafana's menu: here the first value of each row is still seen."""
USUAL_PX: Final = 1600
"""Here all columns are."""

_GRID: Final = 24
_GAP_PX: Final = 8
_AROUND_BOARD_PX: Final = 32
_AROUND_TABLE_PX: Final = 18
_HEADING_PX: Final = 7.4
_HEADING_AROUND_PX: Final = 28
_GAUGE_PX: Final = 130
_VALUES_PX: Final[Mapping[str, int]] = {
    "watt": 88,
    "watth": 96,
    "si:W/s": 96,
    "percentunit": 72,
    "celsius": 62,
    "s": 82,
    "decbytes": 84,
    "short": 76,
    "locale": 84,
    "none": 70,
    "dateTimeAsIso": 158,
    "string": 110,
    "suffix:Hz": 84,
    "suffix:x": 72,
}


def inner_px(columns: int, window_px: int) -> int:
    """Return how much of a window a table has whose panel takes so many of the board's columns."""
    one = (window_px - _AROUND_BOARD_PX - (_GRID - 1) * _GAP_PX) / _GRID
    return math.floor(columns * one + (columns - 1) * _GAP_PX - _AROUND_TABLE_PX)


def sized(fields: Sequence[Field], unit: str) -> list[Field]:
    """Return the fields with a width each, but those that grow or are hidden; `unit` is the panel's."""
    for field in fields:
        told = {one.id_val: one.value for one in field.properties}
        if not told.keys() & {"custom.width", "custom.minWidth", "custom.hidden"}:
            width_px = _width_px(str(told["displayName"]), str(told.get("unit", unit)), told.get("custom.cellOptions"))
            field.properties.append(dashboard.DynamicConfigValue(id_val="custom.width", value=width_px))
    return list(fields)


def _width_px(title: str, unit: str, cell: object) -> int:
    value_px = _GAUGE_PX if isinstance(cell, Mapping) and cell.get("type") == "gauge" else _VALUES_PX[unit]
    return max(value_px, heading_px(title))


def heading_px(title: str) -> int:
    """Return how wide a column is whose heading is seen whole."""
    return math.ceil(len(title) * _HEADING_PX + _HEADING_AROUND_PX)

"""Recordings of `nvidia-smi --query-gpu=... --format=csv`, as they are: what a line says in the contract's words.

They come with and without units or header, separated by commas, semicolons or tabs, and with decimal commas. A cell
such as `[N/A]` is a missing value. The header names the columns; where there is none, the operator does. All of this is
pure.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, NamedTuple

from producers.nvidia import Shown, model_of, reading_of
from producers.readings import Reading
from schema.errors import GigawattError
from schema.printable import printable

_SHOWN: Final = 80
_NAME: Final = re.compile(r"\s*([A-Za-z][\w.]*)\s*(?:\[([^\]]*)\])?\s*")
_NUMBER: Final = re.compile(r"([-+]?\d+(?:[.,]\d+)?)\s*(\D*)")
_TIME: Final = re.compile(r"\s*\d{4}[/-]\d\d[/-]\d\d[ T]\d\d:\d\d")
_MISSING: Final = re.compile(r"\[.*\]|N/A|Not Supported|Unknown Error|ERR!|nan|-?", re.IGNORECASE)
_SEPARATORS: Final = (";", "\t", ",")

_SAME: Final = {
    "gpu_uuid": "uuid",
    "gpu_name": "name",
    "gpu_serial": "serial",
    "gpu_bus_id": "pci_bus_id",
    "hostname": "host",
    "clocks_event_reasons_active": "clocks_throttle_reasons_active",
}
_WATTS: Final = {"": 1e3, "w": 1e3, "mw": 1.0, "kw": 1e6}
_PERCENT: Final = {"": 1.0, "%": 1.0}
_CELSIUS: Final = {"": 1.0, "c": 1.0, "°c": 1.0}
_BYTES: Final = {"": 2.0**20, "b": 1.0, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30, "mb": 2.0**20}
"""Old drivers write MB and mean MiB."""
_UNITS: Final[Mapping[str, tuple[str, Mapping[str, float]]]] = {
    "power_draw_average": ("average_mw", _WATTS),
    "power_draw": ("usage_mw", _WATTS),
    "power_draw_instant": ("instant_mw", _WATTS),
    "utilization_gpu": ("busy_percent", _PERCENT),
    "memory_used": ("memory_used_bytes", _BYTES),
    "memory_total": ("memory_total_bytes", _BYTES),
    "temperature_gpu": ("gpu_c", _CELSIUS),
    "temperature_memory": ("memory_c", _CELSIUS),
}
"""Of each column that is a number: its field of `Shown`, and the factor from each unit."""
_ALL_REASONS: Final = "clocks_throttle_reasons_active"
_REASONS: Final = {
    "gpu_idle": 0x01,
    "applications_clocks_setting": 0x02,
    "sw_power_cap": 0x04,
    "hw_slowdown": 0x08,
    "sync_boost": 0x10,
    "sw_thermal_slowdown": 0x20,
    "hw_thermal_slowdown": 0x40,
    "hw_power_brake_slowdown": 0x80,
}
_CHIP: Final = ("uuid", "serial", "index", "pci_bus_id")
_ASKED: Final = "nvidia-smi --query-gpu=timestamp,uuid,name,power.draw,utilization.gpu --format=csv"


class NotReadableError(GigawattError):
    """What is wrong with a recording, or with one row of it."""


@dataclass(frozen=True)
class Told:
    """What the operator says of recordings that do not say it themselves.

    `columns` are the names of a file without a header line, `model` is that of one without names, `zone` that of times
    without one.
    """

    site: str = "default"
    fleet: str = "default"
    host: str | None = None
    model: str | None = None
    columns: tuple[str, ...] = ()
    zone: tzinfo = UTC


NOTHING_TOLD: Final = Told()


class Column(NamedTuple):
    """A column's name, dots as underscores, and the unit of its values that name none."""

    name: str
    unit: str


@dataclass(frozen=True)
class Layout:
    """How a recording's rows are to be read: columns in order, what separates cells, whether the first row is one."""

    columns: tuple[Column, ...]
    separator: str
    header: str | None

    def cells(self, line: str) -> dict[str, str]:
        """Return the cells of a line by column. Raises `NotReadableError` where they are not as many as columns."""
        cells = _split(line, self.separator)
        if self.separator == "," and len(cells) > len(self.columns):
            cells = line.split(", ")  # as nvidia-smi separates: a comma without a space is a decimal's
        if len(cells) != len(self.columns):
            raise NotReadableError(f"{len(cells)} cells for {len(self.columns)} columns")
        return {column.name: cell.strip() for column, cell in zip(self.columns, cells, strict=True)}


class Row(NamedTuple):
    """One GPU at one time (epoch milliseconds)."""

    ts_ms: int
    host: str
    chip: str
    model: str
    reading: Reading

    @property
    def of(self) -> tuple[str, str]:
        """Host and chip."""
        return self.host, self.chip


def layout(first: str, told: Told) -> Layout | None:
    """Return how a recording with this first line is laid out; None when it is none of nvidia-smi's.

    Raises `NotReadableError`, which says what is missing, for one that cannot be samples.
    """
    separator = next((one for one in _SEPARATORS if one in first), ",")
    cells = _split(first, separator)
    if any(_TIME.match(cell) for cell in cells):
        if not told.columns:
            raise NotReadableError(
                "has no header; name the columns that nvidia-smi recorded, such as "
                "--columns timestamp,index,name,power.draw"
            )
        return _checked(Layout(tuple(_column(name) for name in told.columns), separator, None), told)
    columns = tuple(_column(cell) for cell in cells)
    if not any(column.name in _UNITS or column.name.startswith("clocks_throttle_reasons") for column in columns):
        return None
    return _checked(Layout(columns, separator, first.strip()), told)


def _checked(found: Layout, told: Told) -> Layout:
    names = [column.name for column in found.columns]
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise NotReadableError(f"has several columns {', '.join(twice)}")
    for column in found.columns:
        if column.name in _UNITS and column.unit not in _UNITS[column.name][1]:
            raise NotReadableError(f"column {column.name}: unknown unit {printable(column.unit, _SHOWN)}")
    lacks = [] if "timestamp" in names else ["timestamp"]
    lacks += [] if set(_CHIP) & set(names) else ["index or uuid"]
    lacks += [] if "name" in names or told.model else ["name (or give --model)"]
    if lacks:
        raise NotReadableError(f"lacks {', '.join(lacks)}; record with {_ASKED}")
    return found


def _column(cell: str) -> Column:
    found = _NAME.fullmatch(cell)
    if not found:
        return Column("", "")
    name = found[1].lower().replace(".", "_").replace("clocks_event_reasons", "clocks_throttle_reasons")
    return Column(_SAME.get(name, name), (found[2] or "").strip().lower())


def _split(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # longer than any cell, or a line end within one
        return [line]


def row_of(line: str, how: Layout, told: Told, host: str) -> Row:
    """Read one line. Raises `NotReadableError` naming the column."""
    cells = how.cells(line)
    units = {column.name: column.unit for column in how.columns}
    shown: dict[str, Any] = {}
    for name, (field, factors) in _UNITS.items():
        if name in cells:
            value = _number(cells[name], units[name], factors, name)
            shown[field] = None if value is None else int(value) if field.endswith("_bytes") else value
    host = _text(cells, "host") or host
    chip = next((text for name in _CHIP if (text := _text(cells, name))), None)
    if chip is None:
        raise NotReadableError("has no GPU")
    if not (_text(cells, "uuid") or _text(cells, "serial")):
        chip = f"{host}/{chip}"
    model = told.model or model_of(_text(cells, "name"))
    return Row(
        _time_ms(cells["timestamp"], told.zone), host, chip, model, reading_of(Shown(**shown, reasons=_reasons(cells)))
    )


def _text(cells: Mapping[str, str], name: str) -> str | None:
    text = cells.get(name, "")
    return None if _MISSING.fullmatch(text) else text


def _number(cell: str, unit: str, factors: Mapping[str, float], name: str) -> float | None:
    if _MISSING.fullmatch(cell):
        return None
    found = _NUMBER.fullmatch(cell)
    factor = factors.get(found[2].strip().lower() or unit) if found else None
    if not found or factor is None:
        raise NotReadableError(f"column {name}: {printable(cell, _SHOWN)!r} is not a valid value")
    return float(found[1].replace(",", ".")) * factor


def _reasons(cells: Mapping[str, str]) -> int | None:
    bits = None
    if text := _text(cells, _ALL_REASONS):
        try:
            bits = int(text, 16 if text.lower().startswith("0x") else 10)
        except ValueError as error:
            raise NotReadableError(
                f"column {_ALL_REASONS}: {printable(text, _SHOWN)!r} is not a valid value"
            ) from error
    for name, bit in _REASONS.items():
        if text := _text(cells, f"clocks_throttle_reasons_{name}"):
            bits = (bits or 0) | (bit if text.lower() == "active" else 0)
    return bits


def _time_ms(cell: str, zone: tzinfo) -> int:
    try:
        time = datetime.fromisoformat(cell.replace("/", "-"))
        time = time if time.tzinfo else time.replace(tzinfo=zone)
        return round(time.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise NotReadableError(f"column timestamp: {printable(cell, _SHOWN)!r} is not a time") from error

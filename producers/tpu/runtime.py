"""What the TPU runtime's metric service and libtpu's monitoring library say, as readings by chip.

Pure: answers in, readings out. A value that is absent, of the wrong kind, not finite or out of range is None.

A device of the service is a chip, or on TPU v7 one of its two cores. Memory is then told by core, the rest by chip or
by core, depending on the version: which it is shows in how many there are. Of two cores the chip counts as busy as
the busier one, how long they ran at the same time is unknown.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

from schema.samples import THROTTLE_OTHER

MEMORY_TOTAL: Final = "tpu.runtime.hbm.memory.total.bytes"
MEMORY_USED: Final = "tpu.runtime.hbm.memory.usage.bytes"
_TENSORCORE: Final = re.compile(r"tpu\..*tensorcore.*util.*percent")
"""Nothing up to libtpu 0.0.52 has one. The form is a guess, so that one is read as soon as a service lists it."""

_MAX_BYTES: Final = 2**50
_MAX_DEVICE_DIGITS: Final = 9
_OVERSHOOT_PERCENT: Final = 101.0
_DEVICE_KEYS: Final = ("device_ordinal", "device_id", "device-id")
_SCORE: Final = re.compile(r"\s*\d+-(\d{1,3})\s*")


@dataclass(frozen=True)
class Reading:
    """What is known of one chip; shares are 0 to 1."""

    utilization: float | None = None
    tensor_utilization: float | None = None
    memory_bandwidth_utilization: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    throttle: int | None = None

    def filled_from(self, other: "Reading") -> "Reading":
        """Return this reading, with what it lacks taken from the other."""
        return Reading(*(theirs if ours is None else ours for ours, theirs in self._beside(other)))

    def or_more(self, other: "Reading") -> "Reading":
        """Return the larger of each value: processes that share a chip may each report their own part alone."""
        known = [[value for value in pair if value is not None] for pair in self._beside(other)]
        return Reading(*(max(values, default=None) for values in known))

    def _beside(self, other: "Reading") -> list[tuple[Any, Any]]:
        return [(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)]


def _share(percent: float) -> float | None:
    """Return a share of a percentage; a rounding error above 100 is none."""
    return min(percent / 100, 1.0) if 0 <= percent <= _OVERSHOOT_PERCENT else None


def _bytes(value: float) -> int | None:
    return int(value) if 0 <= value <= _MAX_BYTES else None


def _bits(score: float) -> int | None:
    """Return the throttle bits of a score: 1 to 10 for 10 to 100 %, and nothing says why."""
    return None if math.isnan(score) else THROTTLE_OTHER if score else 0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


class Rule(NamedTuple):
    """Which field a metric is, what its value means in it, and what the values of a chip's cores make together."""

    field: str
    parse: Callable[[float], float | None]
    join: Callable[[Sequence[float]], float]


SERVICE: Final = {
    MEMORY_TOTAL: Rule("memory_total_bytes", _bytes, sum),
    MEMORY_USED: Rule("memory_used_bytes", _bytes, sum),
    "tpu.runtime.tensorcore.dutycycle.percent": Rule("utilization", _share, max),
    # Of bandwidth, not of capacity: libtpu describes it as bandwidth used over a sample period, of the maximum.
    "tpu.runtime.hbm.utilization.percent": Rule("memory_bandwidth_utilization", _share, _mean),
}
TENSORCORE_UTIL: Final = "tensorcore_util"
MONITORING: Final = {
    TENSORCORE_UTIL: Rule("tensor_utilization", _share, _mean),
    "hbm_util": Rule("memory_bandwidth_utilization", _share, _mean),  # of bandwidth as well
    "duty_cycle_pct": Rule("utilization", _share, max),
    "hbm_capacity_total": Rule("memory_total_bytes", _bytes, sum),
    "hbm_capacity_usage": Rule("memory_used_bytes", _bytes, sum),
    "tpu_throttle_score": Rule("throttle", _bits, max),
}


def wanted(listed: Iterable[str]) -> tuple[str, ...]:
    """Return which of the metrics that a service lists are asked for; the known ones when it lists none of them."""
    offered = set(listed)
    found = [name for name in SERVICE if name in offered]
    found += sorted(name for name in offered if _TENSORCORE.fullmatch(name))[:1]
    return tuple(found or SERVICE)


def of_service(answers: Mapping[str, Iterable[Any]], cores: int) -> dict[int, Reading]:
    """Return the chips that the service reports, by its own number for them.

    `answers` are the `Metric` messages by metric name, `cores` the devices of a chip.
    """
    told = {name: _by_device(metrics) for name, metrics in answers.items()}
    by_core = told if cores == 1 else {name: told.get(name, {}) for name in (MEMORY_TOTAL, MEMORY_USED)}
    chips = sorted({device // cores for values in by_core.values() for device in values})
    columns = {}
    for name, values in told.items():
        rule = SERVICE.get(name) or MONITORING[TENSORCORE_UTIL]
        columns[rule.field] = _by_chip(values, chips, rule, cores, always_by_core=name in (MEMORY_TOTAL, MEMORY_USED))
    return _readings(chips, columns)


def of_monitoring(told: Mapping[str, Sequence[str]], cores: int, chips_here: int | None) -> dict[int, Reading]:
    """Return the machine's chips by place, as libtpu's monitoring library reports them; none where it has no TPU.

    `told` is `data()` by metric name: texts in the order of the chips, or of their cores. A list that fits neither
    number of them is left out. `chips_here` is how many chips there are, None when that is not known.
    """
    lengths = [len(texts) // (cores if name == TENSORCORE_UTIL else 1) for name, texts in told.items()]
    chips = range(chips_here or max(lengths, default=0))
    columns = {}
    for name, rule in MONITORING.items():
        texts = told.get(name, ())
        if len(texts) in (len(chips), len(chips) * cores):
            columns[rule.field] = _by_chip(dict(enumerate(map(_number, texts))), chips, rule, cores)
    found = _readings(chips, columns)
    return {} if set(found.values()) == {Reading()} else found


def stamps_ns(answers: Mapping[str, Iterable[Any]]) -> tuple[int, ...]:
    """Return the service's own latest time of each metric; empty when it gives no times."""
    latest = []
    for metrics in answers.values():
        times = [metric.timestamp for metric in metrics if metric.HasField("timestamp")]
        latest += [max(time.seconds * 10**9 + time.nanos for time in times)] if times else []
    return tuple(latest)


_Column = Mapping[int, Any]
"""One field's values by chip."""


def _readings(chips: Iterable[int], columns: Mapping[str, _Column]) -> dict[int, Reading]:
    return {chip: Reading(**{field: column.get(chip) for field, column in columns.items()}) for chip in chips}


def _by_chip(
    told: Mapping[int, float], chips: Sequence[int], rule: Rule, cores: int, *, always_by_core: bool = False
) -> _Column:
    """Return values by chip from values by device; none when the number of devices fits neither chips nor cores."""
    values = {device: rule.parse(value) for device, value in told.items()}
    if cores == 1:
        return values
    if len(values) == len(chips) and not always_by_core:
        return {chip: values[device] for chip, device in zip(chips, sorted(values), strict=True)}
    if not {device // cores for device in values} <= set(chips):
        return {}
    joined = {}
    for chip in chips:
        of_cores = [values.get(chip * cores + core) for core in range(cores)]
        known = [value for value in of_cores if value is not None]
        joined[chip] = rule.join(known) if len(known) == cores else None
    return joined


def _by_device(metrics: Iterable[Any]) -> dict[int, float]:
    """Return a metric's gauges by device, NaN for what is none; of two of one device the first."""
    values: dict[int, float] = {}
    for metric in metrics:
        device = _device(metric.attribute.value)
        if device is not None and device not in values:
            kind = metric.gauge.WhichOneof("value") if metric.WhichOneof("measure") == "gauge" else None
            values[device] = getattr(metric.gauge, kind) if kind in ("as_double", "as_int") else math.nan
    return values


def _device(value: Any) -> int | None:
    """Return a device's number; versions of libtpu tell it as a number, a text, or either in a list of attributes."""
    kind = value.WhichOneof("attr")
    if kind == "kvlist_attr":
        inner = [attribute.value for attribute in value.kvlist_attr.attributes if attribute.key in _DEVICE_KEYS]
        return _device(inner[0]) if inner and inner[0].WhichOneof("attr") != "kvlist_attr" else None
    text = value.string_attr if kind == "string_attr" else str(value.int_attr) if kind == "int_attr" else ""
    return int(text) if len(text) <= _MAX_DEVICE_DIGITS and re.fullmatch(r"[0-9]+", text) else None


def _number(text: str) -> float:
    """Return the number in a text like `13.60`, or the score in one like `1-3`; NaN when there is none."""
    score = _SCORE.fullmatch(text)
    try:
        return float(score[1] if score else text.removesuffix("%"))
    except ValueError:
        return math.nan

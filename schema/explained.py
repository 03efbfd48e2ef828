"""Why a row is rejected, in words: field, value and limit, for the producer's people.

`schema.checks` judges columns; this looks at the few rows that it rejected, one by one, and is told the reason.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from schema import checks
from schema.limits import MAX_AHEAD_MS, MAX_INTERVAL_MS, MAX_LABEL_BYTES, RAW_RETENTION_MS
from schema.printable import is_hidden, printable
from schema.samples import IDENTITY, PLATFORMS, POWER_METHODS, Samples

_SHOWN: Final = 60
_DAY_MS: Final = 86_400_000
_SEEN: Final = (*IDENTITY, "job")
"""The labels that are shown, and judged for how they look."""

Said = Mapping[str, Any]
"""A row's fields as they came; one that is not there was not sent."""


def explain(reason: str, said: Said, row: Samples, appended_ms: int) -> str:
    """Return what is wrong with one row; empty for a reason that is not of one row, or not to be found in it.

    `row` is the same row as the checks see it, one sample with all its labels; `appended_ms` is the broker's time of
    its message.
    """
    find = _FINDERS.get(reason)
    return find(said, row, appended_ms) if find else ""


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.9g}"
    text = value if isinstance(value, str) else str(value)
    return repr(printable(text, _SHOWN)) if isinstance(value, str) else printable(text, _SHOWN)


def _label(row: Samples, name: str) -> str | None:
    label = row.labels[name]
    code = int(label.codes[0])
    return label.values[code].as_py() if code >= 0 else None


def _missing(said: Said, row: Samples, _: int) -> str:
    missing = [name for name in IDENTITY if not _label(row, name)]
    return "; ".join(
        f"{name} is missing" if said.get(name) in (None, "") else f"{name} {_shown(said[name])} is not text"
        for name in missing
    )


def _labels(row: Samples, wrong: Callable[[str], bool], limit: str) -> str:
    found = {name: text for name in _SEEN if (text := _label(row, name)) and wrong(text)}
    return "; ".join(f"{name} {_shown(text)} {limit}" for name, text in found.items())


def _too_long(_: Said, row: Samples, __: int) -> str:
    most = f"has more than {MAX_LABEL_BYTES} bytes"
    return _labels(row, lambda text: len(text.encode(errors="replace")) > MAX_LABEL_BYTES, most)


def _hidden(_: Said, row: Samples, __: int) -> str:
    return _labels(row, is_hidden, "has a control or format character")


def _platform(_: Said, row: Samples, __: int) -> str:
    return f"platform {_shown(_label(row, 'platform') or '')} must be one of {', '.join(PLATFORMS)}"


def _time(said: Said, row: Samples, appended_ms: int) -> str:
    ts_ms = int(row.ts_ms[0])
    if said.get("ts") is None:
        return "ts is missing"
    if ts_ms <= 0:
        return f"ts {_shown(said['ts'])} must be a time in epoch milliseconds or RFC 3339"
    ahead_s = (ts_ms - appended_ms) / 1000
    return f"ts {_moment(ts_ms)} is {ahead_s:,.1f} s ahead of the broker's clock (at most {MAX_AHEAD_MS // 1000} s)"


def _late(_: Said, row: Samples, appended_ms: int) -> str:
    ts_ms = int(row.ts_ms[0])
    days = (appended_ms - ts_ms) / _DAY_MS
    return (
        f"ts {_moment(ts_ms)} is {days:,.1f} days older than its message (at most {RAW_RETENTION_MS // _DAY_MS} days)"
    )


def _moment(ts_ms: int) -> str:
    try:
        return datetime.fromtimestamp(ts_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return str(ts_ms)


def _interval(said: Said, _: Samples, __: int) -> str:
    if said.get("interval_ms") is None:
        return "interval_ms is missing"
    return f"interval_ms {_shown(said['interval_ms'])} must be a whole number from 1 to {MAX_INTERVAL_MS}"


def _of_range(names: tuple[str, ...]) -> Callable[[Said, Samples, int], str]:
    def find(said: Said, row: Samples, _: int) -> str:
        odd = [name for name in checks.odd_values(row) if name in names]
        return "; ".join(_outside(said, row, name) for name in odd)

    return find


def _outside(said: Said, row: Samples, name: str) -> str:
    low, high = checks.RANGES[name]
    value = said.get(name, float(row.measures[name][0]))
    return f"{name} {_shown(value)} must be {low:.9g} to {high:.17g}"


def _value(said: Said, row: Samples, appended_ms: int) -> str:
    method = _label(row, "power_method")
    found = _OF_VALUE(said, row, appended_ms)
    if method is None and bool(row.given["power_w"][0]):
        given = said.get("power_method")
        which = "is missing" if given is None else f"{_shown(given)} is not text"
        found = f"power_method {which}; it is required with power_w: one of {', '.join(POWER_METHODS)}"
    elif method is not None and method not in POWER_METHODS:
        found = f"power_method {_shown(method)} must be one of {', '.join(POWER_METHODS)}"
    return found or "the row would unfold into more sums than a message may make"


def _many(_: Said, __: Samples, ___: int) -> str:
    return "too many new sites, fleets, models, jobs or chips in this message or this hour"


_UTILIZATIONS: Final = ("utilization", "tensor_utilization")
_OF_VALUE: Final = _of_range(tuple(name for name in checks.RANGES if name not in (*_UTILIZATIONS, "power_w")))
_FINDERS: Final[Mapping[str, Callable[[Said, Samples, int], str]]] = {
    "missing_label": _missing,
    "label_too_long": _too_long,
    "bad_label": _hidden,
    "unknown_platform": _platform,
    "bad_time": _time,
    "too_late": _late,
    "bad_interval": _interval,
    "bad_power": _of_range(("power_w",)),
    "bad_utilization": _of_range(_UTILIZATIONS),
    "bad_value": _value,
    "too_many_labels": _many,
}

"""Over what each query is tried: time ranges, intervals, and choices of variables as people make them."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from dashboards.check.asked import Asked, Variable
from dashboards.macros import ALL, Value, View, interval_ms

_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 60 * _MINUTE_MS
_DAY_MS: Final = 24 * _HOUR_MS
_QUOTED: Final = "it's"
"""A value that ends a text too early where it was not escaped."""
_UNKNOWN: Final = "nowhere"
_WIDEST: Final = "over a day"
_FIXED: Final = ("datasource", "interval", "constant", "custom")


class Case(NamedTuple):
    """One way to look, and its name for people."""

    name: str
    view: View


def cases(asked: Asked, known: Mapping[str, Sequence[str]], now_ms: int) -> list[Case]:
    """Return how a query is tried; `known` has values of the variables, as far as they are known."""
    if asked.window_s is not None:
        begin_s, end_s = asked.window_s
        return [
            Case(name, View(at_ms - begin_s * 1000, at_ms - end_s * 1000, asked.interval_ms))
            for name, at_ms in (("now", now_ms), ("a day ago", now_ms - _DAY_MS))
        ]
    every, some = (_chosen(asked.variables, known, everything=everything) for everything in (True, False))
    looks = (
        ("over 15 minutes, of some sites", 15 * _MINUTE_MS, asked.points, some),
        (_WIDEST, _DAY_MS, asked.points, every),
        ("over a day by the hour", _DAY_MS, 24, every),
    )
    return [
        Case(name, View(now_ms - range_ms, now_ms, interval_ms(range_ms, points), variables))
        for name, range_ms, points, variables in looks
    ]


def widest(asked: Asked, known: Mapping[str, Sequence[str]], now_ms: int) -> View:
    """Return a day's view with everything chosen; of a rule, its own window."""
    found = {case.name: case.view for case in cases(asked, known, now_ms)}
    return found.get(_WIDEST) or next(iter(found.values()))


def _chosen(variables: Sequence[Variable], known: Mapping[str, Sequence[str]], *, everything: bool) -> dict[str, Value]:
    return {one.name: _value(one, [*known.get(one.name, ()), *one.values], everything=everything) for one in variables}


def _value(variable: Variable, known: Sequence[str], *, everything: bool) -> Value:
    first = next((value for value in known if value not in ("", ALL)), _UNKNOWN)
    if variable.kind in _FIXED:
        return first
    if variable.kind == "textbox":
        return "" if everything else _QUOTED
    if everything and variable.takes_all:
        return [ALL]
    return [first, _QUOTED] if variable.takes_several else first

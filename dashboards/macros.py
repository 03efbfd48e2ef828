"""A query as Grafana sends it: what its ClickHouse plugin and its front end make of macros and variables.

The same text is in the dashboards, in the rules, in the checks and on the page, so all of them expand it here. Read in
the plugin 4.20 (`pkg/macros/macros.go`, `src/data/CHDatasource.ts`) and in Grafana's `rangeutil`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

ALL: Final = "$__all"
"""The value of a variable of which everything is chosen."""

Value = str | Sequence[str]

# An interval up to the first becomes the second, in milliseconds (Grafana's `rangeutil.roundInterval`).
_NICE_MS: Final = (
    (1_500, 1_000), (3_500, 2_000), (7_500, 5_000), (12_500, 10_000), (17_500, 15_000), (25_000, 20_000),
    (45_000, 30_000), (90_000, 60_000), (210_000, 120_000), (450_000, 300_000), (750_000, 600_000),
    (1_050_000, 900_000), (1_500_000, 1_200_000), (2_700_000, 1_800_000), (5_400_000, 3_600_000),
    (9_000_000, 7_200_000), (16_200_000, 10_800_000), (32_400_000, 21_600_000), (86_400_000, 43_200_000),
    (604_800_000, 86_400_000), (1_814_400_000, 604_800_000),
)  # fmt: skip
_WIDEST_MS: Final = 2_592_000_000

_UNITS_S: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
_COMMENT: Final = re.compile(
    r"('(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\]|\\.)*\")|--[^\n]*|/\*.*?\*/", re.DOTALL
)
_MACRO: Final = re.compile(r"\$__(\w+)")
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)")


class MacroError(ValueError):
    """A macro that the plugin would refuse; the text names it."""


@dataclass(frozen=True)
class View:
    """What a panel or a rule looks at: a time range and the interval of its points, in epoch milliseconds."""

    from_ms: int
    to_ms: int
    interval_ms: int = 1_000
    variables: Mapping[str, Value] = field(default_factory=dict)


def interval_ms(range_ms: int, points: int, at_least_ms: int = 1_000) -> int:
    """Return the interval that Grafana takes for a range and the most points that a panel may draw."""
    wanted = max(range_ms / max(points, 1), at_least_ms)
    return max(next((nice for below, nice in _NICE_MS if wanted < below), _WIDEST_MS), at_least_ms)


def expand(sql: str, view: View) -> str:
    """Return the statement that reaches ClickHouse.

    An unknown macro stays as it is, as in the plugin, for ClickHouse to refuse. Raises `MacroError` for a known one
    with the wrong arguments.
    """
    sql = _conditional(sql, view.variables)
    sql = _VARIABLE.sub(lambda match: _variable(match, view), sql)
    sql = _COMMENT.sub(lambda match: match[1] or "", sql)
    return _macros(sql, view)


def _conditional(sql: str, variables: Mapping[str, Value]) -> str:
    """Expand `$__conditionalAll(condition, $variable)`: no condition where everything is chosen. Front end only."""
    name = "$__conditionalAll("
    while (at := sql.rfind(name)) >= 0:
        arguments, end = _arguments(sql, at + len(name) - 1)
        if len(arguments) != 2:  # noqa: PLR2004  a condition and its variable
            raise MacroError("$__conditionalAll takes a condition and a variable")
        found = _VARIABLE.search(arguments[1])
        value = variables.get(found[1] or found[3], "") if found else ""
        chosen = [value] if isinstance(value, str) else list(value)
        everything = chosen in ([], [""]) or ALL in chosen
        sql = sql[:at] + ("1=1" if everything else arguments[0].strip()) + sql[end:]
    return sql


def _variable(match: re.Match[str], view: View) -> str:
    name, style = match[1] or match[3], match[2]
    if name in ("__from", "__to"):
        return str(view.from_ms if name == "__from" else view.to_ms)
    if name.startswith("__") or name not in view.variables:
        return match[0]
    value = view.variables[name]
    values = [value] if isinstance(value, str) else list(value)
    if style == "singlequote":
        return ",".join("'" + text.replace("'", "\\'") + "'" for text in values)
    if style == "sqlstring":
        return ",".join("'" + text.replace("'", "''") + "'" for text in values)
    if style == "raw" or isinstance(value, str):
        return ",".join(values)
    return "'" + "','".join(values) + "'"  # the plugin's own format, which escapes nothing


def _macros(sql: str, view: View) -> str:
    """Expand the plugin's macros from the last to the first, so that one may be an argument of another."""
    for match in reversed(list(_MACRO.finditer(sql))):
        if (handler := _HANDLERS.get(match[1])) is None:
            continue
        arguments, end = ([], match.end()) if sql[match.end() :][:1] != "(" else _arguments(sql, match.end())
        sql = sql[: match.start()] + handler(match[1], arguments, view) + sql[end:]
    return sql


def _arguments(sql: str, bracket: int) -> tuple[list[str], int]:
    """Return the arguments in the bracket that opens at `bracket`, and where it ends."""
    depth, begin, quote, arguments = 0, bracket + 1, "", []
    for at in range(bracket, len(sql)):
        char = sql[at]
        if quote:
            quote = "" if char == quote and sql[at - 1] != "\\" else quote
        elif char in "'\"`":
            quote = char
        elif char == "(":
            depth += 1
        elif char == "," and depth == 1:
            arguments.append(sql[begin:at])
            begin = at + 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                last = sql[begin:at]
                return ([*arguments, last] if arguments or last.strip() else []), at + 1
    raise MacroError(f"no closing bracket after {sql[max(0, bracket - 30) : bracket + 1]}")


def _seconds(epoch_ms: int) -> str:
    return f"toDateTime({epoch_ms // 1000})"


def _milliseconds(epoch_ms: int) -> str:
    return f"fromUnixTimestamp64Milli({epoch_ms})"


Handler = Callable[[str, Sequence[str], View], str]


def _constant(make: Callable[[View], str]) -> Handler:
    return lambda _name, _arguments, view: make(view)


def _of_column(make: Callable[[str, View], str]) -> Handler:
    def handle(name: str, arguments: Sequence[str], view: View) -> str:
        if len(arguments) != 1:
            raise MacroError(f"$__{name} takes one argument, not {len(arguments)}")
        return make(arguments[0].strip(), view)

    return handle


def _time_group(name: str, arguments: Sequence[str], _view: View) -> str:
    period = re.fullmatch(r"(\d+)(ms|s|m|h)", arguments[1].strip(" '\"")) if len(arguments) == 2 else None  # noqa: PLR2004
    seconds = round(int(period[1]) * _UNITS_S[period[2]]) if period else 0
    if seconds <= 0:
        raise MacroError(f"$__{name} takes a column and an interval such as 5m")
    return f"toStartOfInterval(toDateTime({arguments[0].strip()}), INTERVAL {seconds} second)"


def _interval_s(view: View) -> int:
    return max(view.interval_ms // 1000, 1)


_HANDLERS: Final[Mapping[str, Handler]] = {
    "fromTime": _constant(lambda view: _seconds(view.from_ms)),
    "toTime": _constant(lambda view: _seconds(view.to_ms)),
    "fromTime_ms": _constant(lambda view: _milliseconds(view.from_ms)),
    "toTime_ms": _constant(lambda view: _milliseconds(view.to_ms)),
    "interval_s": _constant(lambda view: str(_interval_s(view))),
    "interval_ms": _constant(lambda view: str(view.interval_ms)),
    "timeFrom": _of_column(lambda column, view: f"{column} >= {_seconds(view.from_ms)}"),
    "timeTo": _of_column(lambda column, view: f"{column} <= {_seconds(view.to_ms)}"),
    "timeFilter": _of_column(
        lambda column, view: f"{column} >= {_seconds(view.from_ms)} AND {column} <= {_seconds(view.to_ms)}"
    ),
    "timeFilter_ms": _of_column(
        lambda column, view: f"{column} >= {_milliseconds(view.from_ms)} AND {column} <= {_milliseconds(view.to_ms)}"
    ),
    "timeInterval": _of_column(
        lambda column, view: f"toStartOfInterval(toDateTime({column}), INTERVAL {_interval_s(view)} second)"
    ),
    "timeInterval_ms": _of_column(
        lambda column, view: (
            f"toStartOfInterval(toDateTime64({column}, 3), INTERVAL {max(view.interval_ms, 1)} millisecond)"
        )
    ),
    "timeGroup": _time_group,
}

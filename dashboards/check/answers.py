"""What an answer must look like to be drawn or evaluated: columns, their types and order, and the order of rows.

The kinds of columns are those that Grafana's ClickHouse plugin 4.20 makes of types (`pkg/converters/registry.go`).
"""

import itertools
import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

from dashboards.check.asked import SERIES, Asked, Reference
from dashboards.check.complaint import Complaint

Kind = Literal["time", "number", "text", "other"]

_NUMBER: Final = re.compile(r"U?Int\d+|Float\d+|Decimal.*")
_TIME: Final = re.compile(r"Date(Time)?(32|64)?(\(.*\))?")
_TEXT: Final = re.compile(r"String|FixedString\(.*\)|Enum\d*\(.*\)|Bool|IPv[46]")
_WRAPPED: Final = re.compile(r"(?:Nullable|LowCardinality)\((.*)\)|SimpleAggregateFunction\([^,]+, (.*)\)")


_FEWEST_STEPS: Final = 10
_PAUSE: Final = 10
"""So many times the usual step between rows is a pause."""
_UNREADABLE: Final = "Nullable(SimpleAggregateFunction("
"""The driver of the plugin scans a null of such a type into what cannot be null: seen with 4.14.1 in Grafana 12.2."""


@dataclass(frozen=True)
class Answer:
    """The columns of an answer by name and type, in order, and its rows."""

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Any]]

    @cached_property
    def kinds(self) -> Mapping[str, Kind]:
        """What Grafana takes each column for."""
        return {name: kind_of(type_) for name, type_ in self.columns}

    def named(self, kind: Kind) -> list[str]:
        """Return the columns of a kind, in order."""
        return [name for name, one in self.kinds.items() if one == kind]

    def values(self, *names: str) -> list[tuple[Any, ...]]:
        """Return some columns' values, row by row."""
        at = [next(index for index, (column, _) in enumerate(self.columns) if column == name) for name in names]
        return [tuple(row[index] for index in at) for row in self.rows]


def kind_of(type_: str) -> Kind:
    """Return what Grafana makes of a ClickHouse type. Arrays, maps and tuples become JSON, which nothing draws."""
    while match := _WRAPPED.fullmatch(type_):
        type_ = match[1] or match[2]
    kinds: tuple[tuple[Kind, re.Pattern[str]], ...] = (("number", _NUMBER), ("time", _TIME), ("text", _TEXT))
    return next((kind for kind, pattern in kinds if pattern.fullmatch(type_)), "other")


def unfit(asked: Asked, answer: Answer) -> Iterator[Complaint]:
    """Say why this answer does not do for what asked."""
    if not answer.columns:
        # The embedded engine's front does so for queries with words that it takes for WITH TOTALS and its like.
        yield Complaint("an empty answer has no columns", "remove the words totals, extremes, rollup and cube")
        return
    names = [name for name, _ in answer.columns]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Complaint(f"two columns are named {name}", "give each its own name")
    for name, type_ in answer.columns:
        if kind_of(type_) == "other":
            yield Complaint(
                f"column {name} is of type {type_}, which Grafana cannot draw", "convert it to a number or text"
            )
        if type_.startswith(_UNREADABLE):
            yield Complaint(
                f"column {name} is of type {type_}, whose nulls the plugin cannot read", "convert it to a plain type"
            )
    if asked.kind in _LINES and asked.format != SERIES:
        yield Complaint("it draws a time series, but requests a table", "request time series: format 0")
    yield from _SHAPES.get(asked.kind, _series if asked.format == SERIES else _table)(asked, answer)
    for reference in {(one.column, one.is_label): one for one in reversed(asked.references)}.values():
        yield from _missing(asked, answer, reference)


def _series(asked: Asked, answer: Answer) -> Iterator[Complaint]:
    """Format 0: time first and ascending, texts are labels, and every other column is a value."""
    if not answer.columns or kind_of(answer.columns[0][1]) != "time":
        yield Complaint("the first column is not a time, which time series need", "begin with the time")
        return
    time, *more = answer.named("time")
    if more:
        yield Complaint(f"there is a second column of time, {more[0]}", "remove it, or convert it to a number")
    if not answer.named("number"):
        yield Complaint("no column is a number", "select a value")
    times = [value for (value,) in answer.values(time)]
    if None in times:
        yield Complaint(f"{time} is null in some rows", "leave these rows out")
    elif any(before > after for before, after in itertools.pairwise(times)):
        yield Complaint("times are not ascending", f"end with ORDER BY {time}")
    elif pause := _drawn_pause(asked, answer, times):
        yield pause
    points = answer.values(time, *answer.named("text"))
    if len(set(points)) < len(points):
        yield Complaint("a series has two rows with the same time, of which one is lost", "group by time and label")


def _drawn_pause(asked: Asked, answer: Answer, times: Sequence[Any]) -> Complaint | None:
    """Say that a line goes across a pause: only nulls end it, and rows are missing."""
    moments = sorted(set(times))
    steps = [after - before for before, after in itertools.pairwise(moments)]
    if asked.kind != "timeseries" or asked.bars or len(steps) < _FEWEST_STEPS:
        return None
    usual = statistics.median(steps)
    known = {
        row[0] for row in answer.values(answer.columns[0][0], *answer.named("number")) if any(map(_is_known, row[1:]))
    }
    for before, step in zip(moments, steps, strict=False):
        if step > _PAUSE * usual and before in known:
            return Complaint(f"a line is drawn across {step} without rows, from {before}", "put a row of nulls there")
    return None


def _is_known(value: Any) -> bool:
    return value is not None and value == value  # noqa: PLR0124  not NaN


def _table(_asked: Asked, _answer: Answer) -> Iterator[Complaint]:
    """Complain of nothing: a table shows whatever comes."""
    yield from ()


def _stat(_asked: Asked, answer: Answer) -> Iterator[Complaint]:
    if not answer.named("number"):
        yield Complaint("no column is a number", "select a value for each tile")
    if len(answer.rows) > 1:
        yield Complaint(f"there are {len(answer.rows)} rows, of which only the last would be shown", "return one row")


def _bars(_asked: Asked, answer: Answer) -> Iterator[Complaint]:
    texts, numbers = answer.named("text"), answer.named("number")
    if len(texts) != 1 or len(numbers) != 1:
        yield Complaint(
            f"bars need one column of text and one number, not {len(texts)} and {len(numbers)}", "select these two"
        )


def _variable(_asked: Asked, answer: Answer) -> Iterator[Complaint]:
    names = [name for name, _ in answer.columns]
    if len(names) != 1 and set(names) != {"__text", "__value"}:
        yield Complaint("a variable needs one column, or __text and __value", "select only that")
    elif answer.named("text") != names:
        yield Complaint("a variable's values must be text", "put toString() around it")
    elif any(value in ("", None) for row in answer.rows for value in row):
        yield Complaint("one of the values is empty", "leave that row out")


def _annotation(_asked: Asked, answer: Answer) -> Iterator[Complaint]:
    kinds = answer.kinds
    if kinds.get("time") != "time" or kinds.get("text") != "text":
        yield Complaint("an annotation needs the columns time and text", "name them so")
    elif any(value is None for (value,) in answer.values("time")):
        yield Complaint("time is null in some rows", "leave these rows out")


def _rule(asked: Asked, answer: Answer) -> Iterator[Complaint]:
    """Format 1 for rules: one number and texts, which are labels. Each row is an alert of its own."""
    if asked.format == SERIES:
        yield from _series(asked, answer)
        return
    if times := answer.named("time"):
        yield Complaint(f"a rule's table has no time, but {times[0]} is one", "remove it, or request time series")
    if len(numbers := answer.named("number")) != 1:
        yield Complaint(f"a rule's table has one number, not {len(numbers)}", "select the value that is compared")
    labels = answer.values(*answer.named("text"))
    if len(set(labels)) < len(labels):
        yield Complaint("two rows have the same labels", "group by what tells them apart")


_LINES: Final = ("timeseries", "heatmap")
_SHAPES: Final[Mapping[str, Callable[[Asked, Answer], Iterator[Complaint]]]] = {
    "stat": _stat,
    "bargauge": _bars,
    "variable": _variable,
    "annotation": _annotation,
    "rule": _rule,
}


def _missing(asked: Asked, answer: Answer, reference: Reference) -> Iterator[Complaint]:
    kind = answer.kinds.get(reference.column)
    if reference.is_label and kind != "text":
        yield Complaint(f"{reference.by} needs a column of text called {reference.column}", "select it")
        return
    # A line bears the name of its label, which may be a text of the query.
    named_by_label = asked.format == SERIES and answer.named("text") and f"'{reference.column}'" in asked.sql
    if kind is None and not named_by_label:
        yield Complaint(
            f"{reference.by} names the column {reference.column}, which is not there", "correct one of the names"
        )

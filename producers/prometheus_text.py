"""Prometheus text to readings of chips, by a table: which metric is which field, and how its rows merge.

An exporter differs from the next only in its table, in which label names the chip, and in which labels
name a part of a chip (a MIG instance, a partition). Everything here is pure but for a memory of parsed
label sets: a host's never change from one scrape to the next, so each is parsed once. Plain ones are read
by a pattern; the official parser, which takes 30 microseconds a row and more, reads what has an escape or is odd.
A page is somebody else's: how many rows of it are read, and for how long, is bounded.
"""

import codecs
import math
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

Labels = Mapping[str, str]
Merge = Callable[[Mapping[str, float]], float | None]
"""One value of a chip from the values of its parts, by part; None where the parts do not report it."""

MOST_ROWS: Final = 20_000
"""Of one page. A host of sixteen chips, each cut into eight parts with sixty metrics, has 7,680."""
WITHIN_S: Final = 5.0
"""For one page. That many plain rows take 0.12 s when they are new, and 0.05 s afterwards."""
_TOO_MUCH: Final = "use the page of one host's exporter, or have it export fewer fields"
_MOST_LINE: Final = 16_384
_PIECE_BYTES: Final = 2**20
_PLAIN: Final = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:(?!__)[a-zA-Z_][a-zA-Z0-9_]*="[^"\\\n]*"(?:,|(?=\})))*)\})?', re.ASCII
)
_SERIES: Final = re.compile(r'[^\s{"]+[ \t]*(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?')
_LABEL: Final = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"\\\n]*)"', re.ASCII)

WHOLE: Final = ""
"""The part that is the whole chip: where a row speaks for it, the rows of its parts are not needed."""
_NONE_ELSE_BUSY: Final = 0.005


def largest(parts: Mapping[str, float]) -> float:
    """Return what at least one part shows: of a sensor that they share, or of one that only one of them shows."""
    return max(parts.values())


def total(parts: Mapping[str, float]) -> float:
    """Return the sum, of what parts have each for themselves."""
    return sum(parts.values())


def unknown(_parts: Mapping[str, float]) -> None:
    """Return None: what the parts say of themselves does not add up to the chip."""


def one_busy(parts: Mapping[str, float]) -> float | None:
    """Return how long the chip ran anything, which is known when at most one part ran.

    Of two that did, nothing says how far they overlapped.
    """
    busiest = max(parts.values())
    return busiest if sum(parts.values()) - busiest < _NONE_ELSE_BUSY else None


class PrometheusTextError(ValueError):
    """Not Prometheus text; the message names the line."""


@dataclass(frozen=True)
class Row:
    """One line of an exporter: one value of one metric, with the labels of its series."""

    metric: str
    labels: Labels
    value: float


@dataclass(frozen=True)
class Rule:
    """What one metric means.

    `name` is the reading that it gives, whose unit is the metric's times `scale`. Where two metrics of a
    table give the same reading, the one that stands first in the table counts. A value of `blank_from` or
    more, or of `blank_to` or less, is the exporter's way to say that there is none. `merge` makes one value
    of those of a chip's parts.
    """

    name: str
    scale: float = 1.0
    blank_from: float = math.inf
    blank_to: float = -math.inf
    merge: Merge = largest


@dataclass
class Reading:
    """What one scrape says of one chip: `values` by the rules' names, `labels` as sets of what was seen."""

    values: dict[str, float] = field(default_factory=dict)
    labels: dict[str, set[str]] = field(default_factory=dict)

    def label(self, *names: str) -> str | None:
        """Return the first of these labels that has a value; the least one where rows disagree."""
        for name in names:
            if found := self.labels.get(name):
                return min(found)
        return None


class TextParser:
    """Rows of the metrics that are wanted, by name, in the order of the text.

    A page is bounded: `most_rows` of these metrics, read `within_s`.
    """

    def __init__(
        self,
        metrics: Iterable[str],
        *,
        most_rows: int = MOST_ROWS,
        within_s: float = WITHIN_S,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        names = "|".join(sorted(map(re.escape, metrics), key=len, reverse=True))
        self._wanted = re.compile(rf"^[ \t]*((?:{names})[{{ \t].*)$".encode(), re.MULTILINE)
        self._most_rows = most_rows
        self._within_s = within_s
        self._elapsed = elapsed
        self._series: dict[str, tuple[str, Labels]] = {}

    def rows(self, body: bytes) -> list[Row]:
        """Return the wanted rows. A line of another metric is not looked at.

        Raises `PrometheusTextError` when the text is not UTF-8, a wanted line is not well formed, or the page is beyond
        its bounds.
        """
        until_s = self._elapsed() + self._within_s
        _check_utf8(body)
        seen: dict[str, tuple[str, Labels]] = {}
        rows: list[Row] = []
        for match in self._wanted.finditer(body):
            if len(rows) >= self._most_rows:
                raise PrometheusTextError(f"more than {self._most_rows:,} series of chips: {_TOO_MUCH}")
            if self._elapsed() > until_s:
                raise PrometheusTextError(f"a page that takes more than {self._within_s:g} s to parse: {_TOO_MUCH}")
            line = match[1].decode().rstrip()
            try:
                rows.append(self._row(line, seen))
            except (ValueError, IndexError) as error:
                number = body.count(b"\n", 0, match.start()) + 1
                raise PrometheusTextError(f"line {number} is not Prometheus text: {line[:80]!r}") from error
        self._series = seen  # what the exporter no longer sends is forgotten
        return rows

    def _row(self, line: str, seen: dict[str, tuple[str, Labels]]) -> Row:
        if len(line) > _MOST_LINE:
            raise ValueError(line[:80])
        series, tail = _cut(line)
        numbers = tail.split()
        if not 1 <= len(numbers) <= 2:  # noqa: PLR2004  a value, and perhaps a time
            raise ValueError(tail)
        known = self._series.get(series) or seen.get(series)
        if known is None:
            known = _plain_series(series) or _parse_series(series)
        seen[series] = known
        return Row(*known, _number(numbers[0]))


def _cut(line: str) -> tuple[str, str]:
    """Cut a line after its series, and leave out what OpenMetrics lets follow the value: `# {trace_id="a"} 0.5`."""
    if " # " in line and (found := _SERIES.match(line)):
        return found[0], line[found.end() :].partition(" # ")[0]
    head, brace, tail = line.rpartition("}")
    if not brace:
        head, _, tail = line.partition(" ")
    return head + brace, tail


def _check_utf8(body: bytes) -> None:
    """Raise `PrometheusTextError` unless all of it is UTF-8, without making a text of all of it."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(body), _PIECE_BYTES):
            decoder.decode(body[start : start + _PIECE_BYTES], final=start + _PIECE_BYTES >= len(body))
    except UnicodeDecodeError as error:
        raise PrometheusTextError(f"not UTF-8 near byte {error.start + start}") from error


def _plain_series(series: str) -> tuple[str, Labels] | None:
    """Return metric and labels of a series as nearly all are written; None for any other, which the parser reads."""
    found = _PLAIN.fullmatch(series)
    if found is None:
        return None
    labels = dict(_LABEL.findall(found[2] or ""))
    # Twice the same label is for the parser to reject.
    return (found[1], labels) if len(labels) == (found[2] or "").count('="') else None


def _parse_series(series: str) -> tuple[str, Labels]:
    families = list(text_string_to_metric_families(f"{series} 0\n"))
    if len(families) != 1 or len(families[0].samples) != 1:
        raise ValueError(series)
    sample = families[0].samples[0]
    return sample.name, sample.labels


def _number(text: str) -> float:
    if "_" in text:  # Python's own way to group digits, which is not Prometheus'
        raise ValueError(text)
    return float(text)


def readings(
    rows: list[Row],
    table: Mapping[str, Rule],
    chip_of: Callable[[Labels], str | None],
    part_of: Callable[[Labels], str] = lambda _: WHOLE,
) -> dict[str, Reading]:
    """Merge rows into one reading per chip, in the order in which the chips first appear.

    Rows of one metric, chip and part that differ in other labels only (two pods share the chip) are one
    reading told twice: the largest counts, once. A row without a chip, and a value that is not finite or blank,
    is as good as absent. A metric that the table does not have lends its labels, and no value.
    """
    chips: dict[str, Reading] = {}
    parts: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        chip = chip_of(row.labels)
        if not chip:
            continue
        reading = chips.setdefault(chip, Reading())
        for name, text in row.labels.items():
            if text:
                reading.labels.setdefault(name, set()).add(text)
        rule = table.get(row.metric)
        if rule is None or not math.isfinite(row.value) or not rule.blank_to < row.value < rule.blank_from:
            continue
        of_part = parts.setdefault((chip, row.metric), {})
        part = part_of(row.labels)
        of_part[part] = max(row.value, of_part.get(part, -math.inf))
    for metric, rule in table.items():
        for chip, reading in chips.items():
            of_part = parts.get((chip, metric), {})
            if not of_part or rule.name in reading.values:
                continue
            value = of_part[WHOLE] if WHOLE in of_part else rule.merge(of_part)
            if value is not None:
                reading.values[rule.name] = value * rule.scale
    return chips

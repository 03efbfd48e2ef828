"""Samples as newline-delimited JSON, for producers that have no Arrow.

The fast way parses all lines at once into Arrow columns. Where they disagree on a type, or one is broken, the few lines
around it take the slow way, line by line, so that one wrong value costs its own row and not its neighbours. Of such
lines a message may have a bounded number.
"""

import io
import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from schema.samples import LABELS, MEASURES

_FIELDS: Final = pa.schema(
    [
        *((name, pa.utf8()) for name in LABELS),
        *((name, pa.float64()) for name in MEASURES),
        ("interval_ms", pa.int64()),
    ]
)
_TIME: Final = pa.timestamp("ms", "UTC")

MAX_SLOW_LINES: Final = 4_096
"""So many lines of a message are read one by one, or an eighth of them; they cost a hundred times what others do."""
_FEW_LINES: Final = 128
_DATE: Final = re.compile(r"\s*\d{4}-\d\d-\d\d")
_SHORT_LINE_BYTES: Final = 64
"""The labels that a sample must have, and their names, take more."""


def decode(value: bytes, *, strict: bool = False) -> pa.RecordBatch:
    """Decode newline-delimited JSON objects into a batch whose known fields have the contract's types.

    A line that is no JSON object is a row that says nothing. Raises `ValueError` when no line is one, or, being strict,
    when any is none; and when more than an eighth of many lines would have to be read one by one, unless it is strict,
    which is for files of one's own.
    """
    if not value.lstrip().startswith(b"{"):  # and Arrow's parser crashes on a leading `null`
        raise ValueError("does not begin with an object")
    if not strict and value.count(b"\n") > max(MAX_SLOW_LINES, len(value) // _SHORT_LINE_BYTES):
        raise ValueError("its lines are too short for samples")
    batch = _parsed(value)
    if batch is not None:
        return batch
    lines = [line for line in value.splitlines() if line.strip()]
    most = len(lines) if strict else max(MAX_SLOW_LINES, len(lines) // 8)
    parts = list(_parts(lines, _Slowly(most, strict=strict)))
    if not any(part.objects for part in parts):
        raise ValueError("no line is an object")
    tables = [pa.Table.from_batches([part.rows]) for part in parts]
    return pa.concat_tables(tables, promote_options="default").combine_chunks().to_batches()[0]


def _parsed(value: bytes) -> pa.RecordBatch | None:
    """Parse all lines at once; None where they disagree on a type, or one of them is broken."""
    # Times come as numbers or as text, and one schema cannot say both. Unknown fields are skipped by the parser: to
    # infer the type of one that is nested ten thousand deep takes the whole process down.
    for time_type in (pa.int64(), pa.utf8()):
        schema = _FIELDS.append(pa.field("ts", time_type))
        options = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
        read = pj.ReadOptions(use_threads=False, block_size=max(len(value) + 1, 1024))
        try:
            table = pj.read_json(io.BytesIO(value), read, options)
            batch = table.combine_chunks().to_batches()[0]
            return batch if time_type == pa.int64() else _set_time(batch, _times(batch.column("ts")))
        except (pa.ArrowException, IndexError):
            continue
    return None


class _Part(NamedTuple):
    """Rows of some lines, and whether any of them is an object."""

    rows: pa.RecordBatch
    objects: bool


class _Slowly:
    """Reads lines one by one, as many as a message may have of them."""

    def __init__(self, most: int, *, strict: bool) -> None:
        self._strict = strict
        self._most = most
        self._left = most

    def read(self, lines: Sequence[bytes]) -> _Part:
        self._left -= len(lines)
        if self._left < 0:
            raise ValueError(f"more than {self._most} lines are broken or disagree on a type")
        return _decode_lines(lines, strict=self._strict)


def _parts(lines: Sequence[bytes], slowly: _Slowly) -> Iterator[_Part]:
    """Halve what cannot be parsed at once, until what is wrong is among a few lines."""
    batch = _parsed(b"\n".join(lines)) if lines[0].lstrip().startswith(b"{") else None
    if batch is not None:
        ts = batch.column("ts").cast(pa.timestamp("ms")).cast(pa.int64())
        yield _Part(_set_time(batch, ts), objects=True)
    elif len(lines) <= _FEW_LINES:
        yield slowly.read(lines)
    else:
        yield from _parts(lines[: len(lines) // 2], slowly)
        yield from _parts(lines[len(lines) // 2 :], slowly)


def _times(ts: pa.Array) -> pa.Array:
    return pc.cast(ts.cast(pa.timestamp("ns", "UTC")), _TIME, safe=False)


def _set_time(batch: pa.RecordBatch, ts: pa.Array) -> pa.RecordBatch:
    return batch.set_column(batch.schema.get_field_index("ts"), "ts", ts)


def _decode_lines(lines: Sequence[bytes], *, strict: bool) -> _Part:
    objects = [json_object(line) for line in lines]
    if strict and None in objects:
        raise ValueError("a line is not an object")
    rows = [one or {} for one in objects]  # a line that is none has no labels, and is rejected for that
    columns: dict[str, pa.Array] = {
        name: pa.array([_text(row.get(name)) for row in rows], pa.utf8()) for name in LABELS
    }
    columns["ts"] = pa.array(_times_ms([row.get("ts") for row in rows]), pa.int64())
    columns["interval_ms"] = pa.array([_whole(row.get("interval_ms")) for row in rows], pa.int64())
    for name in MEASURES:
        columns[name] = pa.array([_number(row.get(name)) for row in rows], pa.float64(), from_pandas=False)
    columns["received"] = pa.array([line.decode("utf-8", "replace") for line in lines], pa.utf8())
    return _Part(pa.RecordBatch.from_pydict(columns), objects=any(one is not None for one in objects))


def json_object(line: bytes) -> dict[str, Any] | None:
    """Return what a line says, None where it is no JSON object."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(value: Any) -> str | None:
    """Return the text, None for anything else; a lone surrogate is no text."""
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None


def _number(value: Any) -> float | None:
    """Return the number, None for none, and NaN for a value of another type."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _times_ms(values: Sequence[Any]) -> list[int | None]:
    """Return epoch milliseconds for numbers and texts; None for what is no time."""
    texts = [index for index, value in enumerate(values) if isinstance(value, str) and _DATE.match(value)]
    found = [None if isinstance(value, str) else _whole(value) for value in values]
    for index, time in zip(texts, _times_of_texts([values[index] for index in texts]), strict=True):
        found[index] = time
    return found


def _times_of_texts(texts: Sequence[str]) -> list[int | None]:
    """Read them at once, or one by one where one of them is no time."""
    try:
        times: list[int | None] = _times(pa.array(texts, pa.utf8())).cast(pa.int64()).to_pylist()
    except (pa.ArrowException, UnicodeEncodeError):
        return [None] if len(texts) == 1 else [time for text in texts for time in _times_of_texts([text])]
    return times

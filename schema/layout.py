"""Where the numbers lie in an encoded message, so that messages that differ in nothing else are read together.

A producer sends the same labels, types and nulls with every read, and Arrow encodes them as the same bytes. What then
differs from one message to the next are the values of numeric columns, and any bytes are values: nothing of them needs
to be validated. So a message is as valid as one of its length that was validated, where the two agree in every other
byte, and thousands of them are one matrix of which a column is a slice.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import xxhash

from schema.samples import LABELS, MEASURES, Bools

_NUMERIC: Final = ("ts", "interval_ms", *MEASURES)

Span = tuple[int, int]
"""Bytes of a message: from the first to before the last."""


@dataclass(frozen=True)
class Column:
    """A numeric column: its values begin at `start`. `nulls` says whether any of them is null."""

    name: str
    kind: pa.DataType
    start: int
    nulls: bool


@dataclass(frozen=True)
class Layout:
    """Messages of `length` bytes with so many rows. All bytes but those of the `free` spans tell what is in them."""

    length: int
    rows: int
    columns: tuple[Column, ...]
    free: tuple[Span, ...]

    @cached_property
    def held(self) -> tuple[Span, ...]:
        """The bytes that must agree."""
        edges = [0, *itertools.chain.from_iterable(self.free), self.length]
        return tuple((start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True) if start < stop)

    def digest(self, value: bytes, seed: int) -> bytes:
        """Return 16 bytes that stand for all of a message that must agree."""
        view = memoryview(value)
        return xxhash.xxh3_128_digest(b"".join([view[start:stop] for start, stop in self.held]), seed)


def survey(value: bytes, batch: pa.RecordBatch) -> Layout | None:
    """Return the layout of a message of which this is the batch; None where its numbers do not lie open in it.

    That is so where it is compressed, has several batches, or columns of types that no producer needs.
    """
    at = pa.py_buffer(value).address
    body = _body(value, at)
    if body is None or not batch.num_rows:
        return None
    columns, free, others = [], [], []
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        kind = array.type
        if not _is_known(kind) or (name in _NUMERIC and not (_is_free(kind) or pa.types.is_null(kind))):
            return None
        buffers = [buffer for buffer in array.buffers() if buffer is not None and buffer.size]
        if _is_free(kind) and name not in LABELS:
            start = buffers.pop().address - at
            free.append((start, start + batch.num_rows * kind.bit_width // 8))
            if name in _NUMERIC:
                columns.append(Column(name, kind, start, array.null_count > 0))
        others += [(buffer.address - at, buffer.address - at + buffer.size) for buffer in buffers]
    if not _lie_apart([*free, *others], body):
        return None
    return Layout(len(value), batch.num_rows, tuple(columns), _joined(free, others))


def stack(layout: Layout, values: Sequence[bytes], known: Mapping[str, Bools]) -> pa.RecordBatch:
    """Return the numeric columns of messages of one layout, end to end: n rows.

    `known` has for each column with nulls which rows [n] have a value.
    """
    n = layout.rows * len(values)
    matrix = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), layout.length)
    arrays = []
    for column in layout.columns:
        stop = column.start + layout.rows * column.kind.bit_width // 8
        taken = pa.py_buffer(np.ascontiguousarray(matrix[:, column.start : stop]))
        valid = pa.py_buffer(np.packbits(known[column.name], bitorder="little")) if column.nulls else None
        arrays.append(pa.Array.from_buffers(column.kind, n, [valid, taken]))
    return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in layout.columns])


def _body(value: bytes, at: int) -> Span | None:
    """Return where the one record batch of a stream has its columns; None where there are none or several."""
    bodies = [message.body for message in pa.ipc.MessageReader.open_stream(value) if message.type == "record batch"]
    if len(bodies) != 1 or bodies[0] is None:
        return None
    start = bodies[0].address - at
    return start, start + bodies[0].size


def _is_free(kind: pa.DataType) -> bool:
    """Whether any bytes are values of this type."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_timestamp(kind))


def _is_known(kind: pa.DataType) -> bool:
    """Whether all buffers of a column of this type are its own, or of a dictionary of texts."""
    if pa.types.is_dictionary(kind):
        return bool(pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type))
    return bool(_is_free(kind) or pa.types.is_null(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind))


def _lie_apart(spans: list[Span], body: Span) -> bool:
    """Say whether all of these lie in the body, and none on another: a hostile message may have it otherwise."""
    spans = sorted(spans)
    inside = all(body[0] <= start and stop <= body[1] for start, stop in spans)
    return inside and all(one[1] <= other[0] for one, other in itertools.pairwise(spans))


def _joined(free: list[Span], others: list[Span]) -> tuple[Span, ...]:
    """Join spans between which there is nothing but padding."""
    joined: list[Span] = []
    begins = {start for start, _ in free}
    adjoins = False
    for start, stop in sorted([*free, *others]):
        if start not in begins:
            adjoins = False
        elif adjoins:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
            adjoins = True
    return tuple(joined)

"""Messages of a stack as bytes: what Arrow would write for each, written for all that have one envelope at once.

Arrow takes 60 microseconds to say again what it said of the message before. Messages of one schema, as many rows and
labels of the same lengths differ in nothing but the bytes of values and labels, which lie at the same places. So one of
them is encoded by Arrow, and of the others those bytes are put into copies of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from producers.lean import PLAIN_ROWS, encode, is_missing
from producers.stack import Stack
from schema.samples import Ints

_MOST_KNOWN: Final = 256

Bytes: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Numbers:
    """A column of numbers: their bytes, `width` each."""

    name: str
    data: Bytes
    width: int

    def spans(self, first: Ints, rows: int) -> tuple[Ints, int]:
        """Return where in `data` messages of so many rows begin, and how many bytes each has."""
        return first * self.width, rows * self.width


@dataclass(frozen=True)
class _Texts:
    """A column of labels: their bytes end to end, and where each begins."""

    name: str
    data: Bytes
    offsets: npt.NDArray[np.int32]

    def spans(self, first: Ints, rows: int) -> tuple[Ints, int]:
        """Return where in `data` messages of so many rows begin, and how many bytes each has, which are as many."""
        begin = self.offsets[first].astype(np.int64)
        return begin, int(self.offsets[first[0] + rows] - begin[0])


@dataclass(frozen=True)
class _Envelope:
    """A message, and where in it the values of each column begin."""

    message: Bytes
    places: dict[str, int]


class Envelopes:
    """Encodes stacks, and keeps the envelopes that it has met."""

    def __init__(self) -> None:
        self._known: dict[Any, _Envelope] = {}

    def encode(self, stack: Stack) -> Sequence[bytes]:
        """Return the bytes of each message, the same as `producers.lean.encode` returns."""
        columns = _columns(stack)
        if columns is None:
            return [encode(batch.samples) for batch in stack]
        lengths = _lengths(columns, stack.samples.num_rows)
        alike: dict[bytes, list[int]] = {}
        ends = stack.first + stack.rows
        for index, (first, end) in enumerate(zip(stack.first.tolist(), ends.tolist(), strict=True)):
            alike.setdefault(lengths[first:end].tobytes(), []).append(index)
        messages = [b""] * len(stack)
        for form, indices in alike.items():
            envelope = self._envelope(stack, indices[0], columns, form)
            rows, first = int(stack.rows[indices[0]]), stack.first[np.array(indices)]
            for index, message in zip(indices, _filled(envelope, columns, first, rows), strict=True):
                messages[index] = message
        return messages

    def _envelope(self, stack: Stack, index: int, columns: Sequence[_Numbers | _Texts], form: bytes) -> _Envelope:
        key = (stack.samples.schema, tuple(column.name for column in columns), int(stack.rows[index]), form)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = self._known[key] = _opened(encode(stack[index].samples))
        return found


def _columns(stack: Stack) -> Sequence[_Numbers | _Texts] | None:
    """Return the columns that are sent; None where one is not of the usual kind, or the messages are large.

    Usual are numbers and texts of which none is missing: else a message says which are, and no two need be alike.
    """
    if stack.rows.max() > PLAIN_ROWS:
        return None
    columns: list[_Numbers | _Texts] = []
    for field, column in zip(stack.samples.schema, stack.samples.columns, strict=True):
        if is_missing(field.name, column):
            continue
        texts = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        if texts.null_count:
            return None
        if pa.types.is_string(texts.type):
            columns.append(_texts(field.name, texts))
        elif _is_number(field.type):
            width = field.type.bit_width // 8
            data = np.frombuffer(column.buffers()[1], np.uint8, len(column) * width, column.offset * width)
            columns.append(_Numbers(field.name, data, width))
        else:
            return None
    return columns


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_timestamp(kind))


def _texts(name: str, column: pa.StringArray) -> _Texts:
    _, offsets, data = column.buffers()
    return _Texts(
        name,
        np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8),
        np.frombuffer(offsets, np.int32, len(column) + 1, column.offset * 4),
    )


def _lengths(columns: Sequence[_Numbers | _Texts], rows: int) -> npt.NDArray[np.int32]:
    """Return the length of each label [rows, labels]."""
    each = [np.diff(column.offsets) for column in columns if isinstance(column, _Texts)]
    return np.column_stack(each) if each else np.zeros((rows, 1), np.int32)


def _opened(message: bytes) -> _Envelope:
    """Find the columns of a message: reading it copies nothing, so they lie where its bytes are."""
    source = pa.py_buffer(message)
    with pa.ipc.open_stream(source) as reader:
        batch = reader.read_next_batch()
    values = {name: batch.column(name).buffers()[-1] for name in batch.schema.names}
    places = {name: found.address - source.address if found else 0 for name, found in values.items()}
    return _Envelope(np.frombuffer(message, np.uint8), places)


def _filled(envelope: _Envelope, columns: Sequence[_Numbers | _Texts], first: Ints, rows: int) -> list[bytes]:
    """Return a message for each of these first rows."""
    size = len(envelope.message)
    copies = np.empty((len(first), size), np.uint8)
    copies[:] = envelope.message
    for column in columns:
        begin, width = column.spans(first, rows)
        at = envelope.places[column.name]
        copies[:, at : at + width] = _cut(column.data, begin, width)
    whole = copies.tobytes()
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def _cut(data: Bytes, begin: Ints, width: int) -> Bytes:
    """Return so many bytes from each of these places [len(begin), width], without a copy where they are end to end."""
    if begin[-1] - begin[0] == width * (len(begin) - 1) and np.all(np.diff(begin) == width):
        return data[begin[0] : begin[0] + width * len(begin)].reshape(len(begin), width)
    cut: Bytes = data[begin[:, None] + np.arange(width)]
    return cut

"""How much memory a message takes once it is decoded, told from its envelope and before anything is unpacked.

Buffers inside an Arrow stream may be compressed: 45 KB can hold 1.4 GB of zeros. An IPC message says so in its own
metadata (a flatbuffer, `Message.fbs` and `Schema.fbs` of Apache Arrow), and a compressed buffer begins with the length
that it unpacks to.
"""

import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

ROW_BYTES: Final = 128
"""What one row takes as the contract's columns, whatever the message left out of it."""

_CONTINUATION: Final = 0xFFFFFFFF
_DICTIONARY_BATCH: Final = 2
_RECORD_BATCH: Final = 3
_VTABLE_HEAD: Final = 4  # a vtable's and a table's length precede the fields' offsets
_BUFFER_BYTES: Final = 16
_LENGTH_BYTES: Final = 8
_ENVELOPE_BYTES: Final = 2**16
"""An envelope that is larger is not worth remembering."""


class MalformedError(ValueError):
    """The envelope is not that of an Arrow stream."""


@dataclass(frozen=True)
class Envelope:
    """All of a stream but the bodies of its messages, which lie between `spans`, and what it takes in memory."""

    spans: tuple[tuple[int, int], ...]
    text: bytes
    unfolded: int

    def is_of(self, value: bytes) -> bool:
        """Say whether a stream of the same length has this envelope."""
        view = memoryview(value)
        return b"".join([view[start:stop] for start, stop in self.spans]) == self.text


class Envelopes:
    """Envelopes met lately: streams of one envelope take the same, unless they are compressed."""

    def __init__(self, most: int = 1_024) -> None:
        self._most = most
        self._known: OrderedDict[int, Envelope] = OrderedDict()

    def bytes_of(self, value: bytes) -> int:
        """Return what `arrow_stream_bytes` does."""
        known = self._known.get(len(value))
        if known is not None and known.is_of(value):
            return known.unfolded
        unfolded, spans, is_open = _walk(value)
        if is_open and sum(stop - start for start, stop in spans) <= _ENVELOPE_BYTES:
            self._known[len(value)] = Envelope(spans, b"".join(value[start:stop] for start, stop in spans), unfolded)
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return unfolded


_MET: Final = Envelopes()
"""Of this process; what it remembers changes no answer."""


def arrow_stream_bytes(value: bytes) -> int:
    """Return how many bytes the batches of an IPC stream take in memory, at least.

    Raises `MalformedError` for what is no such stream; a stream that ends too early is left to its reader.
    """
    try:
        return _MET.bytes_of(value)
    except (struct.error, IndexError, OverflowError) as error:
        raise MalformedError("its envelope is damaged") from error


def ndjson_bytes(value: bytes) -> int:
    """Return how many bytes the lines of a JSON message take as columns, at most."""
    return len(value) + (value.count(b"\n") + 1) * ROW_BYTES


def _walk(value: bytes) -> tuple[int, tuple[tuple[int, int], ...], bool]:
    """Return how many bytes it takes, where its envelope lies, and whether none of its bodies is compressed."""
    total = at = outside = 0
    spans, is_open = [], True
    while at + 8 <= len(value):
        size, at = _unsigned(value, at), at + 4
        if size == _CONTINUATION:  # streams of before Arrow 0.15 have none
            size, at = _unsigned(value, at), at + 4
        if size == 0:
            break
        message = at + _unsigned(value, at)
        body = at + size
        length_at = _field(value, message, 3)
        length = _signed(value, length_at) if length_at else 0
        if length < 0:
            raise MalformedError("a body of negative length")
        taken, is_compressed = _batch_bytes(value, message, body, length)
        total += taken
        is_open &= not is_compressed
        at = body + length
        spans.append((outside, body))
        outside = at
    return total, (*spans, (outside, len(value))), is_open


def _batch_bytes(value: bytes, message: int, body: int, length: int) -> tuple[int, bool]:
    """Return the unpacked size of what a message carries, and of its rows' columns if that is more.

    And whether it is compressed.
    """
    kind_at, header_at = _field(value, message, 1), _field(value, message, 2)
    kind = value[kind_at] if kind_at else 0
    if kind not in (_DICTIONARY_BATCH, _RECORD_BATCH) or not header_at:
        return length, False
    batch = _follow(value, header_at)
    if kind == _DICTIONARY_BATCH:
        batch = _follow(value, _field(value, batch, 1))
    is_compressed = _field(value, batch, 3) > 0
    if is_compressed:
        length = max(length, _unpacked(value, _follow(value, _field(value, batch, 2)), body))
    rows_at = _field(value, batch, 0)
    if kind == _RECORD_BATCH and rows_at:
        length = max(length, _signed(value, rows_at) * ROW_BYTES)
    return length, is_compressed


def _unpacked(value: bytes, buffers: int, body: int) -> int:
    """Add up what the buffers of a compressed batch unpack to."""
    total = 0
    for index in range(_unsigned(value, buffers)):
        offset, length = struct.unpack_from("<qq", value, buffers + 4 + index * _BUFFER_BYTES)
        if length >= _LENGTH_BYTES:
            total += max(length, _signed(value, body + offset))  # -1 for a buffer that was left as it is
    return total


def _field(value: bytes, table: int, number: int) -> int:
    """Return where a table's field lies, 0 where it has its default."""
    vtable = table - struct.unpack_from("<i", value, table)[0]
    place = _VTABLE_HEAD + 2 * number
    if vtable < 0 or place >= struct.unpack_from("<H", value, vtable)[0]:
        return 0
    offset = struct.unpack_from("<H", value, vtable + place)[0]
    return table + offset if offset else 0


def _follow(value: bytes, at: int) -> int:
    return at + _unsigned(value, at)


def _signed(value: bytes, at: int) -> int:
    number: int = struct.unpack_from("<q", value, at)[0]
    return number


def _unsigned(value: bytes, at: int) -> int:
    number: int = struct.unpack_from("<I", value, at)[0]
    return number

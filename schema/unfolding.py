"""How much memory a message takes once it is decoded, told from its envelope and before anything is unpacked.

Buffers inside an Arrow stream may be compressed: 45 KB can hold 1.4 GB of zeros. An IPC message says so in its own
metadata (a flatbuffer, `Message.fbs` and `Schema.fbs` of Apache Arrow), and a compressed buffer begins with the length
that it unpacks to.
"""

import struct
from typing import Final

ROW_BYTES: Final = 128
"""What one row takes as the contract's columns, whatever the message left out of it."""

_CONTINUATION: Final = 0xFFFFFFFF
_DICTIONARY_BATCH: Final = 2
_RECORD_BATCH: Final = 3
_VTABLE_HEAD: Final = 4  # a vtable's and a table's length precede the fields' offsets
_BUFFER_BYTES: Final = 16
_LENGTH_BYTES: Final = 8


class MalformedError(ValueError):
    """The envelope is not that of an Arrow stream."""


def arrow_stream_bytes(value: bytes) -> int:
    """Return how many bytes the batches of an IPC stream take in memory, at least.

    Raises `MalformedError` for what is no such stream; a stream that ends too early is left to its reader.
    """
    try:
        return _walk(value)
    except (struct.error, IndexError, OverflowError) as error:
        raise MalformedError("its envelope is damaged") from error


def ndjson_bytes(value: bytes) -> int:
    """Return how many bytes the lines of a JSON message take as columns, at most."""
    return len(value) + (value.count(b"\n") + 1) * ROW_BYTES


def _walk(value: bytes) -> int:
    total = at = 0
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
        total += _batch_bytes(value, message, body, length)
        at = body + length
    return total


def _batch_bytes(value: bytes, message: int, body: int, length: int) -> int:
    """Return the unpacked size of what a message carries, and of its rows' columns if that is more."""
    kind_at, header_at = _field(value, message, 1), _field(value, message, 2)
    kind = value[kind_at] if kind_at else 0
    if kind not in (_DICTIONARY_BATCH, _RECORD_BATCH) or not header_at:
        return length
    batch = _follow(value, header_at)
    if kind == _DICTIONARY_BATCH:
        batch = _follow(value, _field(value, batch, 1))
    if _field(value, batch, 3):  # it is compressed
        length = max(length, _unpacked(value, _follow(value, _field(value, batch, 2)), body))
    rows_at = _field(value, batch, 0)
    return max(length, _signed(value, rows_at) * ROW_BYTES) if kind == _RECORD_BATCH and rows_at else length


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

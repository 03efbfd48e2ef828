"""A record of the spool's files, and how records are found again, whatever became of the file.

A file is a header and records; all numbers are little-endian. The header is `MAGIC`, the spool's identity and a
checksum. A record is the 32 bytes of `_HEAD` (magic, bytes of the body, number, epoch milliseconds, samples, bytes of
the key, codec), a checksum (XXH3) of these and of the body, and the body: the key and the message, as it is (codec 0)
or as an LZ4 block (1).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import lz4.block
import xxhash

MAGIC: Final = b"gigawatt-spool-1"
IDENTITY_BYTES: Final = 8
_RECORD: Final = b"\xf5GWr"
_HEAD: Final = struct.Struct("<4sIQQIHBx")
_SUM: Final = struct.Struct("<Q")
_KEY_AT: Final = _HEAD.size + _SUM.size
HEADER_BYTES: Final = len(MAGIC) + IDENTITY_BYTES + _SUM.size
_PLAIN, _LZ4 = 0, 1


@dataclass(frozen=True, slots=True)
class Record:
    """A message as it waits; `number` only grows, `time_ms` is when it was handed over, by this machine's clock."""

    number: int
    time_ms: int
    samples: int
    key: bytes
    body: bytes
    codec: int = _PLAIN

    def size(self) -> int:
        """Return the bytes of the message."""
        return len(self.body) if self.codec == _PLAIN else int.from_bytes(self.body[:4], "little")

    def value(self) -> bytes:
        """Return the message. Raises `ValueError` when it cannot be unpacked."""
        if self.codec == _PLAIN:
            return self.body
        try:
            return bytes(lz4.block.decompress(self.body))
        except (lz4.block.LZ4BlockError, ValueError, MemoryError) as error:
            raise ValueError(f"message {self.number} cannot be decompressed") from error


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a file, from `start` to before `end`, that are no record."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """A record, and where it ends in its file."""

    record: Record
    end: int


def header(identity: bytes) -> bytes:
    """Return the first bytes of a file."""
    named = MAGIC + identity
    return named + _SUM.pack(xxhash.xxh3_64_intdigest(named))


def identity_of(data: bytes) -> bytes | None:
    """Return the identity that a file begins with; None when it does not begin as one of ours."""
    named = data[: HEADER_BYTES - _SUM.size]
    return named[len(MAGIC) :] if data[:HEADER_BYTES] == header(named[len(MAGIC) :]) else None


def pack(record: Record) -> bytes:
    """Return a record's bytes, its message compressed where that is shorter."""
    body, codec = record.body, record.codec
    if codec == _PLAIN:
        packed = lz4.block.compress(body)
        if len(packed) < len(body):
            body, codec = packed, _LZ4
    length = len(record.key) + len(body)
    head = _HEAD.pack(_RECORD, length, record.number, record.time_ms, record.samples, len(record.key), codec)
    tail = record.key + body
    return head + _sum(head, tail) + tail


def scan(data: bytes, start: int = HEADER_BYTES) -> Iterator[Found | Damage]:
    """Find the records from `start` on, and what lies between them and is none; of a file cut off, the whole ones."""
    place, bad = start, -1
    while place < len(data):
        found = _at(data, place)
        if found is None:
            bad = place if bad < 0 else bad
            place = data.find(_RECORD, place + 1)
            if place < 0:
                break
            continue
        if bad >= 0:
            yield Damage(bad, place)
            bad = -1
        yield found
        place = found.end
    if bad >= 0:
        yield Damage(bad, len(data))


def _at(data: bytes, place: int) -> Found | None:
    key_at = place + _KEY_AT
    if len(data) < key_at:
        return None
    magic, length, number, time_ms, samples, key_bytes, codec = _HEAD.unpack_from(data, place)
    end = key_at + length
    if magic != _RECORD or end > len(data) or key_bytes > length or codec not in {_PLAIN, _LZ4}:
        return None
    head, tail = data[place : place + _HEAD.size], data[key_at:end]
    if data[place + _HEAD.size : key_at] != _sum(head, tail):
        return None
    return Found(Record(number, time_ms, samples, tail[:key_bytes], tail[key_bytes:], codec), end)


def _sum(head: bytes, tail: bytes) -> bytes:
    return _SUM.pack(xxhash.xxh3_64_intdigest(tail, xxhash.xxh32_intdigest(head)))

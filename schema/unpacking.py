"""What a batch of the log unpacks to, found out in bounded memory before a client unpacks it whole.

The broker bounds a batch as it lies in the log, packed: 22 KB of zstd can hold 700 MB of zeros, and a client takes
nearly three times that to unpack them.
"""

import struct
from typing import Final

import cramjam
import pyarrow as pa

from schema.errors import GigawattError
from schema.topics import MAX_MESSAGE_BYTES

MAX_BATCH_BYTES: Final = 8 * MAX_MESSAGE_BYTES
"""A batch that unpacks to more is not unpacked.

The broker takes no more than MAX_MESSAGE_BYTES packed, and each message was meant to be no longer than that. Producers
bound a batch before they pack it: librdkafka, aiokafka and kafka-python by its unpacked size, of 1 MB or less unless
they are told otherwise, Java's by what it guesses that it will pack to, 16 KB. What comes here is set to batches of
megabytes, and packs them to less than an eighth.
"""

_MAGIC_AT: Final = 16
_ATTRIBUTES_AT: Final = 21
_RECORDS_AT: Final = 61
_CODECS: Final = 0x07
_SNAPPY: Final = 2
_STREAMED: Final = {1: "gzip", 3: "lz4", 4: "zstd"}
_MOST_TIMES: Final = {"gzip": 1032, "lz4": 255}
"""So many times its size a stream unpacks to at most, by its format."""
_PIECE: Final = 2**20
_XERIAL: Final = struct.pack("!b7sii", -126, b"SNAPPY\0", 1, 1)


class UnpacksTooLargeError(GigawattError):
    """A batch would unpack to more than is unpacked."""


def check_batch(batch: bytes | memoryview) -> None:
    """Raise where a batch, as it came from the broker, unpacks to more than `MAX_BATCH_BYTES`, or does not unpack."""
    codec = batch[_ATTRIBUTES_AT + 1] & _CODECS if len(batch) > _RECORDS_AT else 0
    if batch[_MAGIC_AT : _MAGIC_AT + 1] not in (b"\0", b"\1"):
        check_records(batch[_RECORDS_AT:], codec)
    elif batch[_MAGIC_AT + 1] & _CODECS:
        raise UnpacksTooLargeError("a message format older than Kafka 0.11")


def check_records(records: bytes | memoryview, codec: int) -> None:
    """Do the same for the packed records of a batch."""
    size = 0
    if codec == _SNAPPY:
        size = _snappy_bytes(bytes(records))
    elif codec in _STREAMED:
        size = _streamed_bytes(records, _STREAMED[codec])
    if size > MAX_BATCH_BYTES:
        raise UnpacksTooLargeError(f"{len(records)} bytes that unpack to more than {MAX_BATCH_BYTES}")


def _streamed_bytes(records: bytes | memoryview, codec: str) -> int:
    """Return how much a stream unpacks to; a bound where that suffices, and no more than just beyond the bound."""
    most = len(records) * _MOST_TIMES.get(codec, MAX_BATCH_BYTES)
    if most <= MAX_BATCH_BYTES:
        return most
    size = 0
    with pa.CompressedInputStream(pa.py_buffer(records), codec) as stream:
        while size <= MAX_BATCH_BYTES and (piece := stream.read(_PIECE)):
            size += len(piece)
    return size


def _snappy_bytes(records: bytes) -> int:
    """Add up what snappy's blocks say in their heads, which it does not unpack beyond."""
    if not (len(records) > len(_XERIAL) and records.startswith(_XERIAL)):
        return int(cramjam.snappy.decompress_raw_len(records))
    size, at = 0, len(_XERIAL)
    while at < len(records) and size <= MAX_BATCH_BYTES:
        (length,) = struct.unpack_from("!I", records, at)
        at += 4
        size += int(cramjam.snappy.decompress_raw_len(records[at : at + length]))
        at += length
    return size

"""A batch that would fill the memory is told from one that is only large, whatever it is packed with."""

import gzip
import struct
import tracemalloc

import cramjam
import lz4.frame
import pytest

from schema import unpacking

_MIB = 2**20


def _zeros(codec: int, size: int) -> bytes:
    """Pack zeros, in as many frames as make up that size."""
    piece = bytes(_MIB)
    if codec == 2:
        block = bytes(cramjam.snappy.compress_raw(piece))
        head = struct.pack("!b7sii", -126, b"SNAPPY\0", 1, 1)
        return head + (struct.pack("!i", len(block)) + block) * (size // _MIB)
    packed = {1: gzip.compress, 3: lz4.frame.compress, 4: lambda data: bytes(cramjam.zstd.compress(data))}[codec](piece)
    return packed * (size // _MIB)


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_what_unpacks_to_too_much_is_told_apart(codec: int):
    unpacking.check_records(_zeros(codec, 64 * _MIB), codec)
    with pytest.raises(unpacking.UnpacksTooLargeError):
        unpacking.check_records(_zeros(codec, 65 * _MIB), codec)


def test_one_block_of_snappy_is_believed_what_it_says():
    with pytest.raises(unpacking.UnpacksTooLargeError):
        unpacking.check_records(b"\xff\xff\xff\xff\x0f", 2)


def test_what_is_not_packed_may_be_of_any_size():
    unpacking.check_records(bytes(100), 0)


@pytest.mark.parametrize("codec", [3, 4])
def test_telling_it_takes_little_memory(codec: int):
    packed = _zeros(codec, 700 * _MIB)
    tracemalloc.start()
    with pytest.raises(unpacking.UnpacksTooLargeError):
        unpacking.check_records(packed, codec)
    assert tracemalloc.get_traced_memory()[1] < 8 * _MIB
    tracemalloc.stop()


def test_batches_of_an_old_format_are_not_unpacked():
    old = bytearray(100)
    old[16] = 1
    unpacking.check_batch(bytes(old))
    old[17] = 1
    with pytest.raises(unpacking.UnpacksTooLargeError):
        unpacking.check_batch(bytes(old))

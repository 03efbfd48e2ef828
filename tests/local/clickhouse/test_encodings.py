import contextlib
import gzip
import zlib

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.clickhouse.encodings import PART_BYTES, Decoder, Encoder, chosen_encoding
from local.clickhouse.errors import EngineError

BODY = b"watts" * 10_000
CODINGS = ["gzip", "deflate", "lz4", "zstd", "br"]


def decode(packed, coding, step=1 << 20):
    """Unpack a body that comes in pieces of `step` bytes."""
    decoder = Decoder(coding)
    pieces = [packed[at : at + step] for at in range(0, len(packed), step)]
    body = b"".join(part for piece in pieces for part in decoder.decode(piece))
    decoder.finish()
    return body


def compressed(body, coding):
    """Pack a body as one frame."""
    encoder = Encoder(coding)
    return encoder.encode(body) + encoder.finish()


@pytest.mark.parametrize("coding", CODINGS)
def test_blocks_come_back_as_one_body(coding):
    """What is encoded block by block is one valid stream."""
    encoder = Encoder(coding)
    packed = encoder.encode(BODY) + encoder.encode(BODY) + encoder.finish()

    assert decode(packed, coding) == BODY + BODY
    assert len(packed) < len(BODY)


@pytest.mark.parametrize("coding", ["gzip", "lz4", "zstd"])
def test_several_frames_are_one_body(coding):
    """Clients compress each block into a frame of its own."""
    frame = bytes(getattr(cramjam, coding).compress(BODY))

    assert decode(frame + frame, coding) == BODY + BODY


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_body_may_come_in_pieces_of_any_size(coding, step):
    """The wire cuts where it likes."""
    assert decode(compressed(BODY, coding), coding, step) == BODY


@pytest.mark.parametrize("coding", CODINGS)
def test_little_that_stands_for_much_is_unpacked_in_parts(coding):
    """No part is larger than twice the bound, however small what it came from."""
    packed = compressed(bytes(64 << 20), coding)
    decoder = Decoder(coding)
    sizes = [len(part) for part in decoder.decode(packed)]
    decoder.finish()

    assert len(packed) < (1 << 20)
    assert sum(sizes) == 64 << 20
    assert max(sizes) <= 2 * PART_BYTES


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_that_ends_too_early_is_broken(coding):
    """Half of an insert is none."""
    with pytest.raises(EngineError, match="CANNOT_DECOMPRESS"):
        decode(compressed(BODY, coding)[:-3], coding)


@pytest.mark.parametrize("coding", CODINGS)
@given(noise=st.binary(max_size=300), cut=st.integers(0, 300))
def test_any_bytes_are_unpacked_or_refused(coding, noise, cut):
    """Nothing but an EngineError comes out of a decoder."""
    with contextlib.suppress(EngineError):
        decode(noise, coding)
    with contextlib.suppress(EngineError):
        decode(compressed(BODY, coding)[:cut] + noise, coding)


def test_the_standard_library_s_streams_are_read():
    """Gzip and deflate are HTTP's, with their headers."""
    assert decode(gzip.compress(BODY), "gzip") == BODY
    assert decode(zlib.compress(BODY), "deflate") == BODY


@pytest.mark.parametrize(("coding", "code"), [("gzip", 271), ("snail", 48)])
def test_what_cannot_be_read_is_an_error_with_a_code(coding, code):
    """Broken data and unknown codings are told as ClickHouse tells them."""
    with pytest.raises(EngineError) as refused:
        decode(b"not compressed", coding)

    assert refused.value.code == code


@pytest.mark.parametrize(
    ("accept", "coding"),
    [("gzip", "gzip"), ("lz4,zstd,gzip,deflate", "lz4"), ("gzip;q=0.5, zstd", "zstd"), ("", ""), ("x", "")],
)
def test_the_cheapest_accepted_coding_is_chosen(accept, coding):
    """Loopback has bandwidth to spare."""
    assert chosen_encoding(accept) == coding

import gzip
import zlib

import cramjam
import pytest

from local.clickhouse.encodings import Encoder, chosen_encoding, decode
from local.clickhouse.errors import EngineError

BODY = b"watts" * 10_000


@pytest.mark.parametrize("coding", ["gzip", "deflate", "lz4", "zstd", "br"])
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

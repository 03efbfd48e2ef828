"""What a message unfolds into is told before it is unfolded, and nothing that unfolds too far is decoded."""

from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema import encoding, unfolding, wire
from tests.batches import batch


def zeros(rows: int, columns: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array(np.zeros(rows, np.int64))] * columns, names=[f"x{index}" for index in range(columns)]
    )


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@given(rows=st.integers(0, 300), columns=st.integers(1, 60))
def test_it_is_at_least_what_the_columns_take(compression, rows, columns):
    sent = zeros(rows, columns)

    told = unfolding.arrow_stream_bytes(encoding.encode(sent, compression=compression))

    assert sent.nbytes <= told <= max(sent.nbytes, rows * unfolding.ROW_BYTES) + 64 * columns


def test_dictionaries_count():
    names = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array(["n" * 100_000]))

    told = unfolding.arrow_stream_bytes(
        encoding.encode(pa.RecordBatch.from_arrays([names], names=["host"]), compression="zstd")
    )

    assert told > 100_000


def test_rows_count_even_where_they_have_no_columns_to_speak_of():
    nulls = pa.RecordBatch.from_arrays([pa.nulls(1_000_000)], names=["job"])

    assert unfolding.arrow_stream_bytes(encoding.encode(nulls)) == 1_000_000 * unfolding.ROW_BYTES


@pytest.mark.parametrize(
    "bomb", [zeros(4_000_000, 40), pa.RecordBatch.from_arrays([pa.nulls(10_000_000)], names=["job"])]
)
def test_a_small_message_that_unfolds_into_gigabytes_is_undecodable(bomb):
    value = encoding.encode(bomb, compression="zstd")
    assert len(value) < 100_000

    with pytest.raises(wire.UndecodableError, match="unfolds into"):
        wire.decode(value)


def test_lines_without_end_are_undecodable():
    with pytest.raises(wire.UndecodableError, match="unfolds into"):
        wire.decode(b"{}\n" * 8_000_000)


def test_text_that_many_rows_share_is_no_label():
    """A view column may point to the same megabytes from every row; copied they would be terabytes."""
    views = pa.array(["n" * 2**20] * 100, pa.string_view())

    labels = wire.labels(pa.RecordBatch.from_arrays([views], names=["host"]), ["host"])

    assert labels["host"].codes.tolist() == [-1] * 100


@given(st.data())
def test_a_damaged_envelope_is_said_to_be_one(data):
    value = bytearray(encoding.encode(batch(), compression=data.draw(st.sampled_from([None, "lz4"]))))
    for _ in range(data.draw(st.integers(1, 4))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))

    with suppress(unfolding.MalformedError):
        assert unfolding.arrow_stream_bytes(bytes(value)) >= 0
    with suppress(wire.UndecodableError):
        wire.decode(bytes(value), encoding.ARROW_STREAM)


def test_a_compressed_message_is_told_by_its_own_lengths_whatever_came_before():
    """Two of one length and one envelope: the lengths that they unpack to stand in their bodies."""
    value = encoding.encode(zeros(1_000, 1), compression="zstd")
    told = unfolding.arrow_stream_bytes(value)
    at = value.index((8_000).to_bytes(8, "little"))

    other = value[:at] + (2**30).to_bytes(8, "little") + value[at + 8 :]

    assert unfolding.arrow_stream_bytes(other) >= 2**30 > told

"""Messages that agree in all but their numbers are read as one matrix, and say what each of them says alone."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema import encoding, wire
from schema.layout import Layout, stack, survey
from schema.samples import MEASURES
from tests.batches import NOW_MS, batch
from tests.fuzz.messages import VALID_ARROW, odd_batches

HOST = batch(
    chip=[f"host-0/{chip}" for chip in range(8)],
    power_w=[500.0 + chip for chip in range(8)],
    utilization=[0.5] * 7 + [None],
    memory_used_bytes=2**30,
)


def layout_of(value: bytes) -> Layout | None:
    return survey(value, wire.decode(value))


def test_only_numbers_lie_open_in_a_message():
    """What is null has bytes of its own all the same."""
    value = encoding.encode(HOST)
    layout = layout_of(value)

    assert (layout.rows, layout.length) == (8, len(value))
    assert [column.name for column in layout.columns if column.nulls] == [
        *("power_error_w", "utilization", "tensor_utilization", "memory_total_bytes"),
        *("temperature_c", "throttle", "energy_j"),
    ]
    held = b"".join(value[start:stop] for start, stop in layout.held)
    assert b"host-0/7" in held
    assert np.float32(503.0).tobytes() not in held


def test_messages_that_differ_in_numbers_alone_have_one_digest():
    later = HOST.set_column(0, HOST.schema.field(0), pa.array([NOW_MS + 1_000] * 8).cast(HOST.schema.field(0).type))
    other = batch(chip=[f"host-1/{chip}" for chip in range(8)], power_w=[1.0] * 8, utilization=[0.5] * 7 + [None])
    values = [encoding.encode(one) for one in (HOST, later, other)]
    layout = layout_of(values[0])

    first, second, third = (layout.digest(value, 7) for value in values)
    assert first == second != third


def test_nulls_in_another_row_are_another_digest():
    one, other = (
        encoding.encode(HOST.set_column(12, HOST.schema.field(12), pa.array(values, pa.float32())))
        for values in ([0.5] * 7 + [None], [None] + [0.5] * 7)
    )
    layout = layout_of(one)

    assert layout == layout_of(other)
    assert layout.digest(one, 7) != layout.digest(other, 7)


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_compressed_message_has_no_layout(compression):
    many = batch(power_w=[float(number % 2) for number in range(3_000)])

    assert layout_of(encoding.encode(many, compression=compression)) is None


def test_several_batches_have_no_layout():
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, HOST.schema) as writer:
        writer.write_batch(HOST)
        writer.write_batch(HOST)

    assert layout_of(sink.getvalue().to_pybytes()) is None


def test_numbers_that_lie_on_another_column_have_no_layout():
    """Whoever sends such a message could else change labels and numbers with the same bytes."""
    value = encoding.encode(HOST)
    decoded = wire.decode(value)
    ts, host = decoded.column("ts"), decoded.column("host")
    shared = pa.DictionaryArray.from_arrays(
        pa.Array.from_buffers(pa.int32(), 8, [None, ts.buffers()[1]]), host.dictionary, safe=False
    )

    assert survey(value, decoded.set_column(6, "host", shared)) is None


def numbers(layout: Layout, values: list[bytes], known: dict[str, np.ndarray]) -> list[list]:
    found = wire.columns([stack(layout, values, known)], names=())
    return [found.ts_ms.tolist(), found.interval_ms.tolist(), *_measures(found)]


def _measures(found) -> list[list]:
    shown = []
    for name in MEASURES:
        given_here = found.given[name].tolist()
        values = found.measures[name].astype(np.float64).tolist()
        shown += [given_here, [repr(value) if here else None for value, here in zip(values, given_here, strict=True)]]
    return shown


@given(st.one_of(st.sampled_from(VALID_ARROW), odd_batches()), st.data())
def test_a_stack_of_messages_says_what_each_of_them_says(value, data):
    """Whatever the types, and whatever bytes stand where the numbers are."""
    try:
        decoded = wire.decode(value)
    except wire.UndecodableError:
        return
    layout = survey(value, decoded)
    if layout is None:
        return
    values = [value]
    for _ in range(data.draw(st.integers(0, 3))):
        other = bytearray(value)
        for start, stop in layout.free:
            other[start:stop] = data.draw(st.binary(min_size=stop - start, max_size=stop - start))
        values.append(bytes(other))
    alone = [wire.columns([wire.decode(one)], names=()) for one in values]
    nulls = {one.name: np.asarray(decoded.column(one.name).is_valid(), bool) for one in layout.columns if one.nulls}

    together = numbers(layout, values, {name: np.tile(known, len(values)) for name, known in nulls.items()})

    assert together == [
        [one for found in alone for one in found.ts_ms.tolist()],
        [one for found in alone for one in found.interval_ms.tolist()],
        *([one for part in parts for one in part] for parts in zip(*map(_measures, alone), strict=True)),
    ]
    assert len({layout.digest(one, 7) for one in values}) == 1

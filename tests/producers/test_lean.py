"""What is sent of a batch: as little as every reader of the contract takes for the same."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.lean import PLAIN_ROWS, encode, lean
from schema import encoding, wire
from schema.samples import LABELS, MEASURES, SCHEMA
from tests.batches import batch
from tests.producers.hosts import batches


def read(rows):
    """Return what a worker reads: times, texts of labels, measures with their type, and which are given."""
    samples = wire.columns([rows])
    labels = {name: (label.codes.tolist(), [*label.values.to_pylist(), None]) for name, label in samples.labels.items()}
    return {
        "ts": samples.ts_ms.tolist(),
        "interval_ms": samples.interval_ms.tolist(),
        **{name: [values[code] for code in codes] for name, (codes, values) in labels.items()},
        **{name: samples.given[name].tolist() for name in MEASURES},
        **{f"{name} value": str(values) for name, values in _given(samples)},
    }


def _given(samples):
    for name in MEASURES:
        yield name, samples.measures[name][samples.given[name]].tobytes()


@given(batches())
def test_a_worker_reads_the_same_samples(rows):
    """Texts, values to the bit, and what is missing."""
    assert read(wire.decode(encode(rows))) == read(wire.decode(encoding.encode(rows)))


def test_what_has_no_value_is_left_out_and_what_nobody_can_do_without_stays():
    """A row without a fleet is rejected for that by the worker, as it was."""
    sent = lean(batch(fleet=None, power_w=[1.0, 2.0]))

    assert set(SCHEMA.names) - set(sent.schema.names) == {"job", *MEASURES} - {"power_w"}
    assert sent["fleet"].null_count == 2


def test_types_are_as_precise_as_they_were():
    """Watts stay float32, and times are of milliseconds."""
    sent = lean(batch(power_w=[1.0, 2.0], energy_j=1.0, memory_used_bytes=1))

    for field in sent.schema:
        wanted = SCHEMA.field(field.name).type
        assert field.type == (pa.utf8() if pa.types.is_dictionary(wanted) else wanted)


def test_numbers_stand_next_to_each_other_and_then_labels():
    """A reader who knows the envelope takes them in one piece."""
    names = lean(batch(power_w=[1.0, 2.0], job="a", utilization=0.5)).schema.names
    are_labels = [name in LABELS for name in names]

    assert are_labels == sorted(are_labels)
    assert names.index("ts") == 0


@pytest.mark.parametrize(("rows", "plain"), [(1, True), (PLAIN_ROWS, True), (PLAIN_ROWS + 1, False)])
def test_labels_are_texts_where_that_is_shorter(rows, plain):
    """A dictionary has a head of its own; of many rows it saves more than that, with the narrowest indices."""
    sent = lean(batch(chip=[f"c{number}" for number in range(rows)]))
    kinds = {sent.schema.field(name).type for name in ("site", "chip")}

    assert kinds == ({pa.utf8()} if plain else {pa.dictionary(pa.int8(), pa.utf8())})
    if not plain:
        assert lean(batch(chip=[f"c{n}" for n in range(129)])).schema.field("chip").type.index_type == pa.int16()


def test_a_dictionary_of_many_more_labels_than_rows_is_not_sent():
    """Rows that were taken out of a larger batch drag it along."""
    rows = batch(chip=[f"c{number}" for number in range(4096)])
    sent = lean(rows.slice(1000, 40))

    assert sent["chip"].dictionary.to_pylist() == [f"c{number}" for number in range(1000, 1040)]
    assert len(encode(rows.slice(1000, 40))) < 8000


@given(batches(), st.data())
def test_rows_that_were_cut_out_of_others_are_the_message_that_they_would_be_alone(rows, data):
    """Nothing of their neighbours is sent."""
    first = data.draw(st.integers(0, rows.num_rows - 1))
    cut = rows.slice(first, data.draw(st.integers(1, min(PLAIN_ROWS, rows.num_rows - first))))
    alone = pa.RecordBatch.from_arrays([pa.concat_arrays([column]) for column in cut.columns], rows.schema.names)

    assert encode(cut) == encode(alone)


def test_what_the_contract_does_not_know_is_passed_on():
    """A recording may have more; what else stands in its schema is of its file, and stays there."""
    rows = batch(power_w=[1.0, 2.0]).append_column("slot", pa.array([1, None])).replace_schema_metadata({"pandas": "x"})
    sent = wire.decode(encode(rows))

    assert sent.schema.names[-1] == "slot"
    assert sent["slot"].to_pylist() == [1, None]
    assert sent.schema.metadata is None


def head(value: bytes) -> bytes:
    """Return all of a message but what its columns hold."""
    source = pa.py_buffer(value)
    with pa.ipc.open_stream(source) as reader:
        (rows,) = reader
    masked = bytearray(value)
    for column in rows.columns:
        for buffer in column.buffers():
            if buffer is not None:
                at = buffer.address - source.address
                masked[at : at + buffer.size] = bytes(buffer.size)
    return bytes(masked)


def test_hosts_whose_labels_are_equally_long_have_one_envelope():
    """Second after second, byte for byte: readers compare it instead of reading it."""
    random = np.random.default_rng(1)
    values = [
        encode(
            batch(
                ts=1_790_000_000_000 + 1000 * second,
                host=f"node-{number:03d}",
                chip=[f"node-{number:03d}/{chip}" for chip in range(8)],
                power_w=random.normal(500, 10, 8).tolist(),
                utilization=random.random(8).tolist(),
                throttle=int(random.integers(0, 16)),
            )
        )
        for number in range(10)
        for second in range(3)
    ]

    assert len({head(value) for value in values}) == 1
    assert len(set(values)) == 30


def test_a_message_of_eight_is_small():
    """Of a host that states eleven values a chip."""
    chips = [f"node-0017/{number}" for number in range(8)]
    rows = batch(
        host="node-0017", chip=chips, job="job-1", power_w=500.0, power_error_w=2.5, utilization=0.97,
        tensor_utilization=0.5, memory_used_bytes=2**36, memory_total_bytes=2**37, temperature_c=61.0, throttle=0,
    )  # fmt: skip

    assert len(encode(rows)) < 0.7 * len(encoding.encode(rows))

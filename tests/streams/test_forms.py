"""What is known of earlier messages makes later ones cheaper, and never changes what is stored of them."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema import encoding, wire
from schema.layout import survey
from schema.samples import DESCRIPTION, MEASURES, Label, Samples
from streams.blocks import Block, Commit, LogMessage, Span
from streams.decoded import decode
from streams.forms import Forms
from streams.process import Processor, Stored
from tests.batches import NOW_MS, batch
from tests.fuzz.damage import damaged
from tests.fuzz.messages import VALID_ARROW, odd_batches, odd_lines


def host(name: str = "host-0", chips: int = 8, **fields: Any) -> bytes:
    return encoding.encode(batch(host=name, chip=[f"{name}/{chip}" for chip in range(chips)], **fields))


def commit(values: list[bytes]) -> Commit:
    messages = [LogMessage(0, offset, NOW_MS, value, None) for offset, value in enumerate(values)]
    return Commit("one", [Block(Span(0, 0, len(values) - 1), messages)])


def stored_of(stored: Stored) -> tuple[Any, ...]:
    """Return all that must be the same whoever stores it: not what the inventory is told."""
    return (
        [(one.samples, one.late_samples, one.rejected, one.energy_j, one.newest_ts_ms) for one in stored.totals],
        sorted((one.offset, one.reason, one.rows, one.detail, one.value) for one in stored.refusals),
        [table.to_pydict() for table in stored.power],
        None if stored.raw is None else stored.raw.to_pydict(),
    )


def agrees(before: list[bytes], values: list[bytes]) -> None:
    """Check that who knows earlier messages stores of later ones what somebody does who knows nothing."""
    seasoned = Processor()
    for value in before:
        seasoned.process(commit([value]))
    assert repr(stored_of(seasoned.process(commit(values)))) == repr(stored_of(Processor().process(commit(values))))


def test_the_second_message_of_a_host_is_of_a_known_form():
    forms = Forms()
    first, second = host(power_w=100.0), host(power_w=200.0, ts=NOW_MS + 1_000)
    assert forms.find(first, None) is None
    made = forms.make(first, None, wire.decode(first))
    forms.keep(first, made)

    assert forms.find(second, None) is made
    assert forms.find(second, encoding.ARROW_STREAM) is made
    assert forms.find(second, encoding.NDJSON) is None  # which it would be refused as
    assert forms.find(host(job="other"), None) is None
    assert forms.find(host("host-1"), None) is None


def test_hosts_of_one_length_share_a_layout_and_a_description():
    forms = Forms()
    made = []
    for name in ("host-0", "host-1"):
        value = host(name, job="train")
        made.append(forms.make(value, None, wire.decode(value)))
        forms.keep(value, made[-1])

    assert made[0].layout is made[1].layout
    assert made[0].description is made[1].description


def test_forms_are_kept_in_bounded_memory():
    forms = Forms(max_bytes=64_000)
    for number in range(1_000):
        value = host(f"host-{number:04}")
        forms.keep(value, forms.make(value, None, wire.decode(value)))

    known = [forms.find(host(f"host-{number:04}"), None) is not None for number in range(1_000)]
    assert known[-100:] == [True] * 100
    assert sum(known) * 400 <= 64_000


def test_a_message_of_which_nothing_was_accepted_leaves_no_form():
    processor = Processor()
    processor.process(commit([host(power_w=-1.0), host("other-host")]))

    assert processor._forms.find(host(power_w=-1.0), None) is None
    processor.process(commit([host()]))
    assert processor._forms.find(host(power_w=-1.0), None) is not None


def test_hosts_with_jobs_of_their_own_keep_them():
    names = [f"host-{number}" for number in range(10)]
    values = [host(name, job=f"job-{number % 3}" if number % 4 else None) for number, name in enumerate(names)]
    seasoned = Processor()
    seasoned.process(commit(values))
    raw = seasoned.process(commit(values)).raw.to_pydict()

    found = {offset for offsets in raw["kafka_offset"] for offset in offsets}
    assert found == set(range(10))
    agrees(values, values)


ROWS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(("host-0", "host-1", "host-10")),
        "chips": st.sampled_from((1, 3, 8)),
        "job": st.sampled_from((None, "a", "b")),
        "fleet": st.sampled_from(("train", "serve", "")),
        "power_w": st.sampled_from((100.0, -1.0, None, float("nan"))),
        "utilization": st.sampled_from((None, 0.25, 1.5)),
        "ts": st.sampled_from((NOW_MS, NOW_MS - 1_000, NOW_MS - 60_000, NOW_MS + 10**9)),
        "interval_ms": st.sampled_from((1_000, 10_000, 0)),
    }
).map(lambda fields: host(**fields))


@settings(deadline=None)
@given(st.lists(ROWS, max_size=4), st.lists(ROWS, min_size=1, max_size=12))
def test_hosts_messages_are_stored_alike_whatever_came_before(before, values):
    agrees(before, values)


@settings(deadline=None)
@given(st.data())
def test_damaged_messages_are_stored_alike_whatever_came_before(data):
    """Damage anywhere: in the numbers, in the labels, in what says where they lie."""
    before = data.draw(st.lists(st.one_of(ROWS, st.sampled_from(VALID_ARROW), odd_batches()), min_size=1, max_size=3))
    sound = st.sampled_from(before)
    values = data.draw(st.lists(st.one_of(sound, damaged(sound), numbers_changed(sound)), min_size=1, max_size=6))

    agrees(before, values)


@settings(deadline=None)
@given(st.lists(st.one_of(ROWS, odd_batches(), odd_lines(), damaged(ROWS)), min_size=1, max_size=8))
def test_any_messages_are_stored_alike_when_they_come_again(values):
    agrees(values, values)


def values_of(samples: Samples) -> list[tuple[Any, ...]]:
    """Return all of each row, labels as texts."""
    labels = [label_texts(samples.labels[name]) for name in DESCRIPTION]
    numbers = [
        [repr(value) if here else None for value, here in zip(samples.measures[name], samples.given[name], strict=True)]
        for name in MEASURES
    ]
    return list(zip(samples.ts_ms.tolist(), samples.interval_ms.tolist(), *labels, *numbers, strict=True))


def label_texts(label: Label) -> list[str | None]:
    values = label.values.to_pylist()
    return [None if code < 0 else values[code] for code in label.codes.tolist()]


def says_what_its_batches_say(values: list[bytes]) -> None:
    """Check that the columns of messages that are read together are those that each of their batches has alone."""
    known = Forms()
    for _ in range(2):  # of forms that are met for the first time, and of known ones
        decoded, _refused = decode(commit(values).messages, known)
        rows = values_of(decoded.samples)
        for index, message in enumerate(decoded.messages):
            alone = wire.columns([wire.decode(message.value)], DESCRIPTION)
            found = [rows[row] for row in decoded.rows_of(index).tolist()]
            assert repr(as_numbers(found)) == repr(as_numbers(values_of(alone)))  # NaN is not equal to itself
            if (form := decoded.forms[index]) is not None:
                known.keep(message.value, form)


def as_numbers(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows without the width of their numbers: messages of several layouts come together in the widest."""
    return [
        tuple(float(one.partition("(")[2].rstrip(")")) if isinstance(one, str) and "(" in one else one for one in row)
        for row in rows
    ]


@settings(deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=12))
def test_hosts_messages_say_together_what_each_says_alone(values):
    says_what_its_batches_say(values)


def test_hosts_of_one_layout_keep_their_own_jobs_and_methods():
    values = [
        host(f"host-{number}", job=f"job-{number}", power_method=("counter", "sensor")[number % 2])
        for number in range(8)
    ]

    says_what_its_batches_say(values)


@st.composite
def numbers_changed(draw: st.DrawFn, values: st.SearchStrategy[bytes]) -> bytes:
    """Return one of some values with any bytes where its numbers are."""
    value = bytearray(draw(values))
    try:
        layout = survey(bytes(value), wire.decode(bytes(value)))
    except wire.UndecodableError:
        layout = None
    for start, stop in layout.free if layout is not None else ():
        value[start:stop] = draw(st.binary(min_size=stop - start, max_size=stop - start))
    return bytes(value)


@pytest.mark.parametrize("rows", [1, 8, 100])
def test_columns_of_a_form_are_those_of_its_batch(rows):
    value = host(chips=rows, utilization=[None] + [0.5] * (rows - 1), power_w=[float(row) for row in range(rows)])
    decoded = wire.decode(value)
    forms = Forms()
    form = forms.make(value, None, decoded)
    assert np.array_equal(form.known["utilization"], np.arange(rows) > 0)
    assert form.description.labels["power_method"].values.to_pylist() == ["counter"]
    assert isinstance(decoded, pa.RecordBatch)

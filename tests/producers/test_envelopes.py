"""Messages that are written into copies of one are those that Arrow would have written."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers import lean
from producers.envelopes import Envelopes
from producers.stack import Stack
from tests.batches import batch
from tests.producers.hosts import stacks


def by_arrow(stack):
    return [lean.encode(one.samples) for one in stack]


def hosts(count, **columns):
    """Return a stack of so many hosts of four chips."""
    names = [f"node-{number}" for number in range(count)]
    rows = batch(
        host=[name for name in names for _ in range(4)],
        chip=[f"{name}/{chip}" for name in names for chip in range(4)],
        **columns,
    )
    return Stack(rows, names, np.full(count, 4))


@given(stacks())
def test_messages_are_arrows_byte_for_byte(stack):
    """Whatever is missing, and however labels differ in length."""
    assert list(Envelopes().encode(stack)) == by_arrow(stack)


@given(st.lists(stacks(present=st.just("full")), min_size=2, max_size=4))
def test_what_was_met_before_is_not_taken_for_another(parts):
    """Envelopes are kept from one stack to the next."""
    envelopes = Envelopes()

    for stack in parts * 2:
        assert list(envelopes.encode(stack)) == by_arrow(stack)


@given(stacks(), st.data())
def test_a_part_of_larger_columns_is_as_good(stack, data):
    """Rows that were cut out still lie among their neighbours."""
    first = data.draw(st.integers(0, len(stack) - 1))
    rows = stack.rows[first:]
    part = Stack(stack.samples.slice(int(stack.first[first])), stack.keys[first:], rows)

    assert list(Envelopes().encode(part)) == by_arrow(stack)[first:]


def test_hosts_of_longer_names_have_an_envelope_of_their_own():
    """Of 0 to 1100 there are four lengths, and as many envelopes."""
    envelopes, stack = Envelopes(), hosts(1100, power_w=1.0)
    messages = envelopes.encode(stack)

    assert messages == by_arrow(stack)
    assert len(envelopes._known) == 4


def test_envelopes_that_nobody_needs_any_more_do_not_stay():
    """Names may change for ever."""
    envelopes = Envelopes()
    for length in range(1, 400):
        envelopes.encode(Stack(batch(job="x" * (length % 120), host="y" * (1 + length // 120)), ["k"], np.array([1])))

    assert len(envelopes._known) <= 256


@pytest.mark.parametrize(
    "column",
    [
        pa.array([True] * 8),
        pa.array(["a"] * 8, pa.large_utf8()),
        pa.array([b"a"] * 8),
        pa.array([[1]] * 8),
        pa.array([1.5] * 8).cast(pa.float16()),
        pa.nulls(8),
    ],
    ids=lambda column: str(column.type),
)
def test_what_is_of_another_kind_is_encoded_all_the_same(column):
    """A recording may have any column."""
    plain = hosts(2, power_w=1.0)
    stack = Stack(plain.samples.append_column("extra", column), plain.keys, plain.rows)

    assert list(Envelopes().encode(stack)) == by_arrow(stack)

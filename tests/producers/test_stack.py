import numpy as np
from hypothesis import given

from producers.source import Batch
from producers.stack import Stack, Stacks, stacked
from tests.batches import batch
from tests.producers.hosts import stacks


@given(stacks())
def test_a_stack_is_its_messages_one_by_one(stack):
    """All rows, in order, each message under its key."""
    assert [one.key for one in stack] == list(stack.keys)
    assert str([row for one in stack for row in one.samples.to_pylist()]) == str(stack.samples.to_pylist())
    assert len(stack) == len(list(stack)) == len(stack[:])
    assert stack[-1].samples.num_rows == stack.rows[-1]


def test_stacks_are_one_sequence_of_messages():
    """Whoever knows nothing of them reads batches."""
    one, other = (Stack(batch(chip=list("abcd")), [key, f"{key}2"], np.array([1, 3])) for key in "ij")
    read = Stacks([one, other])

    assert [(each.key, each.samples.num_rows) for each in read] == [("i", 1), ("i2", 3), ("j", 1), ("j2", 3)]
    assert len(read) == 4
    assert read[2].key == "j"
    assert not Stacks([])


def test_what_has_no_stacks_is_passed_on_as_it_is():
    read = [Batch("h", batch())]

    assert stacked(read) is read
    assert len(stacked(Stacks([Stack(batch(chip=["a", "b"]), ["k", "l"], np.array([1, 1]))]))) == 1

import json

import numpy as np
import pytest

from schema import encoding, wire
from streams import json_rows
from streams.blocks import Block, Commit, LogMessage, Span
from streams.process import Processor
from tests.batches import NOW_MS, batch


def refusals(value, content_type=None):
    message = LogMessage(3, 100, NOW_MS, value, content_type)
    return Processor().process(Commit("one", [Block(Span(3, 100, 100), [message])])).refusals


def line(**fields):
    return {**json.loads(encoding.encode_ndjson(batch())), **fields}


def test_a_rejected_line_of_json_is_kept_as_the_line_that_it_was():
    """With fields that nobody knows, its own notation, and the reason; sound rows are not in it."""
    odd = json.dumps(line(power_w=-5, mine={"a": [1]})).replace("-5", "-5.0e0")
    value = "\n".join([json.dumps(line()), odd, "", json.dumps(line())]).encode()

    (letter,) = refusals(value)
    assert (letter.reason, letter.rows, letter.content_type) == ("bad_power", 1, encoding.NDJSON)
    assert letter.value.decode() == f'{odd[:-1]}, "reason": "bad_power"}}\n'
    assert letter.detail == "power_w -5 must be 0 to 10000; 1 of 3 rows"


def test_what_is_no_object_is_kept_as_it_is():
    """A torn line among others; it says nothing, so labels are missing."""
    (letter,) = refusals(json.dumps(line()).encode() + b'\n{"ts": 17900')

    assert (letter.reason, letter.value) == ("missing_label", b'{"ts": 17900\n')
    assert letter.detail.startswith("site is missing; fleet is missing")


def test_a_letter_that_was_sent_in_again_has_the_newest_reason_only():
    """Two fields of one name are read differently by different readers."""
    (first,) = refusals(json.dumps(line(power_w=-5)).encode())
    (second,) = refusals(first.value.replace(b"-5", b"5").replace(b'"host-0"', b'""'))

    assert (second.reason, json.loads(second.value)["reason"]) == ("missing_label", "missing_label")
    assert second.value.count(b'"reason"') == 1


@pytest.mark.parametrize("content_type", [None, encoding.ARROW_STREAM])
def test_arrow_stays_arrow(content_type):
    """As it came, and its detail is as exact."""
    (letter,) = refusals(encoding.encode(batch(utilization=[0.5, 1.5])), content_type)

    assert letter.content_type == encoding.ARROW_STREAM
    assert wire.decode(letter.value)["utilization"].to_pylist() == [1.5]
    assert letter.detail == "utilization 1.5 must be 0 to 1; 1 of 2 rows"


def test_lines_that_are_not_rows_are_not_taken_for_them():
    """Two objects on one line are two rows."""
    assert json_rows.lines_of(b'{"a": 1}{"a": 2}\n', None, 2) is None
    assert json_rows.lines_of(encoding.encode(batch()), None, 1) is None
    assert json_rows.letter([b"{}"], np.array([0]), "bad_power") == b'{"reason": "bad_power"}\n'


def test_a_rejected_line_that_begins_with_a_byte_order_mark_has_its_reason():
    first, second = json.dumps(line()).encode(), json.dumps(line(power_w=-5)).encode()

    (letter,) = refusals(first + b"\n\xef\xbb\xbf" + second)

    assert json.loads(letter.value)["reason"] == letter.reason

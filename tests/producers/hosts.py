"""Batches of hosts of any kind, for properties of what is sent: each column is there, partly there or not."""

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from producers.stack import Stack
from schema.samples import LABELS, SCHEMA

TEXTS = st.sampled_from(["", "a", "b", "büro", "host-00017", "日本", "x" * 100])
PRESENT = st.sampled_from(["full", "full", "full", "holes", "null", "absent"])


@st.composite
def batches(draw, present=PRESENT):
    """Draw a batch of the contract's columns, in the contract's order and types."""
    count = draw(st.integers(1, 100))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    names, columns = [], []
    for field in SCHEMA:
        there = draw(present) if field.nullable else "full"
        if there == "absent":
            continue
        missing = {"full": np.zeros(count, bool), "null": np.ones(count, bool)}.get(there, random.random(count) < 0.5)
        names.append(field.name)
        columns.append(_label(draw, random, missing) if field.name in LABELS else _numbers(random, field, missing))
    return pa.RecordBatch.from_arrays(columns, names)


def _label(draw, random, missing):
    values = draw(st.lists(TEXTS, min_size=1, max_size=3, unique=True))
    index = draw(st.sampled_from([pa.int8(), pa.int32()]))
    codes = pa.array(random.integers(0, len(values), len(missing)), mask=missing).cast(index)
    column = pa.DictionaryArray.from_arrays(codes, pa.array(values))
    return column.dictionary_decode() if draw(st.booleans()) else column


def _numbers(random, field, missing):
    width = field.type.bit_width // 8
    drawn = np.frombuffer(random.bytes(width * len(missing)), f"u{width}")
    if field.name == "ts":
        drawn = drawn % 2**41
    array = pa.Array.from_buffers(field.type, len(missing), [None, pa.py_buffer(drawn)])
    return pa.compute.if_else(pa.array(missing), pa.nulls(len(missing), field.type), array) if missing.any() else array


@st.composite
def stacks(draw, present=PRESENT):
    """Draw a stack: a batch cut anywhere."""
    samples = draw(batches(present))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    cuts, left = [], samples.num_rows
    while left:
        cuts.append(min(left, draw(st.integers(1, 40))))
        left -= cuts[-1]
    return Stack(samples, [f"h{number}" for number in random.integers(0, 4, len(cuts))], np.array(cuts))

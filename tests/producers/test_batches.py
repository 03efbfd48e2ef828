import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.batches import build, compact, fit_label
from schema.encoding import encode
from schema.limits import MAX_LABEL_BYTES
from schema.samples import SCHEMA


def test_a_column_is_one_value_or_one_per_row():
    """A single value is repeated; a sequence or an array is taken as it is; what is not named is null."""
    batch = build(
        2, {"ts": 5, "host": "a", "chip": ["a/0", "a/1"], "power_w": np.array([1.5, 2.5]), "job": ["x", None]}
    )

    assert batch.schema == SCHEMA
    assert batch.column("host").to_pylist() == ["a", "a"]
    assert batch.column("job").to_pylist() == ["x", None]
    assert batch.column("power_w").to_pylist() == [1.5, 2.5]
    assert batch.column("energy_j").null_count == 2


def test_a_column_that_the_schema_does_not_have_is_an_error():
    """A misspelt field must not vanish."""
    with pytest.raises(KeyError, match="power_watts"):
        build(1, {"power_watts": 1.0})


def test_a_column_of_another_length_is_an_error():
    """Rows are not made up."""
    with pytest.raises(ValueError, match="chip has 1 values for 2 rows"):
        build(2, {"chip": ["a/0"]})


def test_compact_drops_what_no_row_uses():
    """A slice of a large batch is encoded without the labels of the others."""
    large = build(1000, {"ts": 1, "chip": [f"node-{number}" for number in range(1000)]})
    small = compact(large.slice(10, 1))

    assert small.column("chip").to_pylist() == ["node-10"]
    assert len(encode(small)) < len(encode(large.slice(10, 1))) / 2


@given(st.text(max_size=300), st.text(max_size=300))
def test_labels_fit_and_stay_different(one, other):
    """No label is longer than the contract allows, and two different ones are not made the same."""
    fitted = fit_label(one)

    assert len(fitted.encode()) <= MAX_LABEL_BYTES
    assert (fit_label(other) == fitted) == (one == other)

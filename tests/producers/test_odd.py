"""Values out of their range are left out at the source, and cost nothing else."""

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.odd import without_odd
from producers.source import Batch
from schema import checks, wire
from tests.batches import NOW_MS, batch

FLOATS = st.one_of(st.none(), st.floats(width=32), st.floats(0, 1, width=32))


def reasons_of(passed: Batch) -> set[str]:
    return {checks.REASONS[code] for code in checks.refusals(wire.columns([passed.samples]), NOW_MS)}


@pytest.mark.parametrize(
    ("field", "odd", "sound"),
    [
        ("utilization", 19.8, 0.5),
        ("utilization", math.nan, 0.5),
        ("tensor_utilization", -0.02, 0.25),
        ("temperature_c", 511.0, 60.0),
        ("memory_used_bytes", 2**60, 2**30),
        ("throttle", 200, 4),
        ("energy_j", math.inf, 5.0),
    ],
)
def test_an_odd_side_value_costs_neither_its_row_nor_its_neighbours(field, odd, sound):
    passed, left_out = without_odd(Batch("h", batch(power_w=[412.5, 412.5], **{field: [odd, sound]})))

    assert passed.samples.column(field).to_pylist() == [None, sound]
    assert passed.samples.column("power_w").to_pylist() == [412.5, 412.5]
    assert reasons_of(passed) == {""}
    assert [(one.field, one.values) for one in left_out] == [(field, 1)]
    assert left_out[0].line.startswith(f"{field} ")


def test_an_odd_power_leaves_a_sample_without_power():
    passed, left_out = without_odd(Batch("h", batch(power_w=[1e9, 300.0], power_error_w=5.0, utilization=0.5)))

    found = passed.samples.select(["power_w", "power_method", "power_error_w", "utilization"]).to_pylist()
    assert list(found[0].values()) == [None, None, None, 0.5]
    assert found[1]["power_w"] == 300.0
    assert [one.line for one in left_out] == [
        "power_w 1e+09 is out of range, 0 to 10000; the value is left out, the sample is kept"
    ]
    assert reasons_of(passed) == {""}


def test_a_sound_batch_is_passed_on_as_it_is():
    sound = Batch("h", batch(utilization=[None, 1.0, 0.0]))

    assert without_odd(sound) == (sound, [])


@pytest.mark.parametrize(
    "value", [pa.array(["a\x1bb"]), pa.array([True]), pa.array([5], pa.timestamp("ms")), pa.array([b"x"])]
)
def test_a_recorded_value_of_another_type_costs_no_more_than_itself(value):
    rows = batch(power_w=412.5)
    index = rows.schema.get_field_index("utilization")
    passed, left_out = without_odd(Batch("h", rows.set_column(index, "utilization", value)))

    assert reasons_of(passed) == {""}
    assert "\x1b" not in "".join(one.line for one in left_out)


@given(st.lists(st.tuples(FLOATS, FLOATS, FLOATS), min_size=1, max_size=5))
def test_what_is_passed_on_has_no_odd_value_for_the_worker(rows):
    """Source and worker follow one table."""
    power_w, utilization, temperature_c = map(list, zip(*rows, strict=True))
    sent = Batch("h", batch(power_w=power_w, utilization=utilization, temperature_c=temperature_c))
    passed, left_out = without_odd(sent)

    assert reasons_of(passed) <= {""}
    assert bool(left_out) == (reasons_of(sent) != {""})
    assert without_odd(passed) == (passed, [])

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.amd.meaning import Shown, model_of, number, reading_of, serial_of, size, throttle_of
from producers.readings import Reading
from schema.chips import catalogue

NONE_OF_THEM = {"throttle_status": "N/A", "ppt_residency_acc": "N/A"}


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("AMD Instinct MI300X OAM", "mi300x"),
        ("AMD Instinct MI355X", "mi355x"),
        ("AMD Instinct MI250X / MI250", "mi250x"),
        ("AMD Instinct MI210", "mi210"),
        ("Arcturus GL-XL [Instinct MI100]", "mi100"),
        ("AMD Radeon RX 7900 XTX", "radeon-rx-7900-xtx"),
        ("0x740f", "0x740f"),
        ("N/A", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
        (7, "unknown"),
    ],
)
def test_models_have_the_catalogues_names(name, model):
    """An unknown name is made into one of the same form."""
    assert model_of(name) == model


def test_every_amd_chip_of_the_catalogue_is_reached():
    """The names in the test above cover the catalogue."""
    assert {model for model, chip in catalogue().items() if chip.platform == "amd"} <= {"mi300x", "mi355x"}


@pytest.mark.parametrize(
    ("shown", "serial"),
    [
        ("0x79CCD55167A2124A", "0x79CCD55167A2124A"),
        ("0x4edfb117a17a07d", "0x04EDFB117A17A07D"),
        ("79ccd55167a2124a", "0x79CCD55167A2124A"),
        ("0x0000000000000000", None),
        ("N/A", None),
        ("", None),
        (None, None),
        ("PCB12345", None),
    ],
)
def test_a_serial_number_is_the_same_whoever_shows_it(shown, serial):
    """rocm-smi writes it in another way than amd-smi does; a virtual machine shows zeros."""
    assert serial_of(shown) == serial


def test_a_number_may_be_text_or_have_a_unit():
    """In the unit that is asked for, and no other."""
    assert number(36) == 36
    assert number("36.0") == 36.0
    assert number({"value": 36, "unit": "W"}, "W") == 36
    assert [number(value, "W") for value in ("N/A", None, True, {"value": 1, "unit": "mW"}, {"value": "N/A"}, [])] == [
        None
    ] * 6


@pytest.mark.parametrize(
    ("power", "sensor_w"),
    [
        ({"current_socket_power": 300, "average_socket_power": "N/A"}, 300),  # MI300 and newer
        ({"current_socket_power": "N/A", "average_socket_power": 90}, 90),  # MI200
        ({"current_socket_power": 0, "average_socket_power": 90}, 90),
        ({"socket_power": 290}, 290),
        ({"current_socket_power": 0xFFFF, "average_socket_power": 0xFFFF, "socket_power": 0xFFFF}, None),
        (
            {"current_socket_power": 0, "average_socket_power": 0, "socket_power": 0},
            None,
        ),  # the second die of an MI250X
        ({}, None),
    ],
)
def test_the_sensor_is_the_one_that_this_generation_has(power, sensor_w):
    """0 and 0xFFFF say that it has none."""
    assert reading_of(Shown(power=power)).sensor_w == sensor_w


def test_the_energy_counter_counts_in_its_own_resolution():
    """A 65,536th of a joule, nearly, and dated by the driver."""
    energy = {"energy_accumulator": 65_536_000, "counter_resolution": 15.259, "timestamp": 5}
    reading = reading_of(Shown(energy=energy))

    assert reading.energy_j == pytest.approx(1000, rel=1e-4)
    assert reading.shown_at == 5


@pytest.mark.parametrize(
    "energy", [{}, {"energy_accumulator": 5}, {"energy_accumulator": 0, "counter_resolution": 15.259}]
)
def test_a_counter_that_is_not_there_is_none(energy):
    """The second die of an MI250X shows 0."""
    assert reading_of(Shown(energy=energy)).energy_j is None


def test_the_rest_is_in_the_contracts_units():
    """The memory's activity has no field; the hottest sensor counts."""
    shown = Shown(
        activity={"gfx_activity": 73, "umc_activity": 20},
        memory_used_bytes=5, memory_total_bytes=9, hotspot_c=61, memory_c=70, throttle=1,
    )  # fmt: skip

    assert reading_of(shown) == Reading(
        utilization=0.73, memory_used_bytes=5, memory_total_bytes=9, temperature_c=70, throttle=1
    )


@pytest.mark.parametrize(
    ("name", "bit"),
    [
        ("ppt_residency_acc", 1),
        ("socket_thm_residency_acc", 2),
        ("vr_thm_residency_acc", 2),
        ("hbm_thm_residency_acc", 2),
        ("prochot_residency_acc", 2),
    ],
)
def test_a_residency_that_grew_is_throttling(name, bit):
    """By power or by heat, since the read before."""
    assert throttle_of({name: 5}, {name: 9}) == bit
    assert throttle_of({name: 5}, {name: 5}) == 0


def test_residencies_that_began_anew_are_no_throttling():
    """The driver was loaded again."""
    assert throttle_of({"ppt_residency_acc": 500}, {"ppt_residency_acc": 2}) == 0


@pytest.mark.parametrize(("status", "bits"), [(True, 8), (False, 0), (4, 8), (0, 0), ("N/A", None), (None, None)])
def test_an_older_chip_says_only_whether_it_throttles(status, bits):
    """MI200 has no residencies; of a first read of newer ones nothing is known yet."""
    assert throttle_of({}, {**NONE_OF_THEM, "throttle_status": status}) == bits
    assert throttle_of({}, {"ppt_residency_acc": 7, "throttle_status": status}) == bits


ANY = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from(["N/A", 0xFFFF, 2**64 - 1, {"value": 1, "unit": "W"}, []]),
)  # fmt: skip
DICTS = {
    "energy": ("energy_accumulator", "counter_resolution", "timestamp"),
    "power": ("current_socket_power", "average_socket_power", "socket_power"),
    "activity": ("gfx_activity", "umc_activity"),
}


@given(
    st.fixed_dictionaries(
        {name: st.dictionaries(st.sampled_from(keys), ANY) for name, keys in DICTS.items()}
        | dict.fromkeys(("memory_used_bytes", "memory_total_bytes", "hotspot_c", "memory_c"), ANY)
    )
)
def test_whatever_is_shown_becomes_values_in_range_or_none(shown):
    """No exception, and nothing that the worker would refuse."""
    reading = dataclasses.asdict(reading_of(Shown(**shown)))

    for name, high in (("energy_j", 1e18), ("sensor_w", 10_000), ("utilization", 1), ("memory_used_bytes", 2**50)):
        assert reading[name] is None or 0 <= reading[name] <= high


@given(*[st.dictionaries(st.sampled_from(["ppt_residency_acc", "throttle_status", "hbm_thm_residency_acc"]), ANY)] * 2)
def test_any_metrics_give_bits_or_none(before, now):
    """No exception."""
    assert throttle_of(before, now) in (None, *range(16))


@given(ANY)
def test_any_value_is_a_number_a_size_a_serial_or_none(value):
    """No exception."""
    assert number(value) is None or isinstance(number(value), (int, float))
    assert size(value) is None or size(value) >= 0
    assert serial_of(value) is None or len(serial_of(value)) == 18

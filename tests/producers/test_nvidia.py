import dataclasses

import pynvml
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.nvidia import Shown, field_value, model_of, reading_of, throttle_of
from producers.readings import Reading
from schema.chips import catalogue


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("NVIDIA H100 PCIe", "h100-pcie"),
        ("NVIDIA H100 NVL", "h100-nvl"),
        ("NVIDIA A100-SXM4-40GB", "a100-sxm"),
        ("A100-SXM4-80GB", "a100-sxm"),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "a100-sxm"),
        ("NVIDIA A100 80GB PCIe", "a100-pcie"),
        ("NVIDIA H200", "h200"),
        ("NVIDIA B200", "b200"),
        ("NVIDIA GB200", "gb200"),
        ("NVIDIA GB300", "gb300"),
        ("NVIDIA GB300 NVL", "gb300"),
        ("Tesla T4", "t4"),
        ("NVIDIA GeForce RTX 4090", "geforce-rtx-4090"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_models_have_the_catalogues_names(name, model):
    """An unknown name is made into one of the same form."""
    assert model_of(name) == model


def test_every_nvidia_chip_of_the_catalogue_is_reached():
    """The names in the test above cover the catalogue."""
    nvidia = {model for model, chip in catalogue().items() if chip.platform == "nvidia"}

    assert nvidia <= {"t4", "a100-sxm", "h100-sxm", "h200", "b200", "gb200", "gb300"}


@pytest.mark.parametrize(
    ("reasons", "bits"),
    [(0, 0), (1, 0), (4, 1), (0x20, 2), (0x40, 2), (8, 4), (0x80, 4), (0x12, 8), (0x6D, 7), (2**40, 0)],
)
def test_throttle_reasons_are_the_contracts_bits(reasons, bits):
    """Idle is no throttling; a reason that is not known is left out."""
    assert throttle_of(reasons) == bits


def test_units_are_the_contracts():
    """Millijoules, milliwatts and percentages become joules, watts and shares; the hottest sensor counts."""
    shown = Shown(
        energy_mj=7_000_500, average_mw=512_500, busy_percent=73, tensor_percent=41.5, memory_used_bytes=5,
        memory_total_bytes=9, gpu_c=61, memory_c=70, reasons=0x24,
    )  # fmt: skip

    assert reading_of(shown) == Reading(
        energy_j=7000.5, sensor_w=512.5, utilization=0.73, tensor_utilization=0.415, memory_used_bytes=5,
        memory_total_bytes=9, temperature_c=70, throttle=3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("shown", "sensor_w"),
    [
        (Shown(average_mw=300_000, usage_mw=1_000, instant_mw=2_000), 300.0),
        (Shown(average_mw=None, usage_mw=310_000, instant_mw=2_000), 310.0),  # A100 has no mean power
        (Shown(instant_mw=320_000), 320.0),
        (Shown(average_mw=0, usage_mw=310_000), 310.0),
        (Shown(average_mw=0), None),
        (Shown(average_mw=2**32 - 1), None),
    ],
)
def test_the_mean_power_goes_before_the_moments(shown, sensor_w):
    """A power of 0 is none, and one that no GPU draws is none either."""
    assert reading_of(shown).sensor_w == sensor_w


def test_engine_activity_stands_in_for_kernel_activity():
    """In MIG mode the driver shows no utilization."""
    assert reading_of(Shown(busy_percent=None, engine_percent=40.0)).utilization == 0.4
    assert reading_of(Shown(busy_percent=0, engine_percent=40.0)).utilization == 0.0


def test_nothing_shown_is_nothing_read():
    """No zero is made up."""
    assert reading_of(Shown()) == Reading()


ANY = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3))


@given(st.fixed_dictionaries({field.name: ANY for field in dataclasses.fields(Shown) if field.name != "fault"}))
def test_whatever_is_shown_becomes_values_in_range_or_none(shown):
    """The library's bindings may hand out anything; no exception, and nothing that the worker would refuse."""
    reading = reading_of(Shown(**shown))

    for name, high in (("energy_j", 1e18), ("sensor_w", 10_000), ("utilization", 1), ("tensor_utilization", 1)):
        value = getattr(reading, name)
        assert value is None or 0 <= value <= high
    for name in ("memory_used_bytes", "memory_total_bytes"):
        value = getattr(reading, name)
        assert value is None or (isinstance(value, int) and 0 <= value <= 2**50)
    assert reading.throttle is None or 0 <= reading.throttle <= 15


@pytest.mark.parametrize(
    ("kind", "member", "given_value"),
    [
        (pynvml.NVML_VALUE_TYPE_DOUBLE, "dVal", 1.5),
        (pynvml.NVML_VALUE_TYPE_UNSIGNED_INT, "uiVal", 2**32 - 1),
        (pynvml.NVML_VALUE_TYPE_UNSIGNED_LONG, "ulVal", 2**40),
        (pynvml.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG, "ullVal", 2**63),
        (pynvml.NVML_VALUE_TYPE_SIGNED_LONG_LONG, "sllVal", -(2**40)),
        (pynvml.NVML_VALUE_TYPE_SIGNED_INT, "siVal", -5),
        (pynvml.NVML_VALUE_TYPE_UNSIGNED_SHORT, "usVal", 7),
    ],
)
def test_a_field_says_how_its_value_is_stored(kind, member, given_value):
    """As nvmlValueType_t numbers them."""
    field = pynvml.c_nvmlFieldValue_t(valueType=kind)
    setattr(field.value, member, given_value)

    assert field_value(field) == given_value


def test_a_field_without_a_value_is_none():
    """Not supported here, or stored in a way that nobody knows yet."""
    assert field_value(pynvml.c_nvmlFieldValue_t(nvmlReturn=pynvml.NVML_ERROR_NOT_SUPPORTED)) is None
    assert field_value(pynvml.c_nvmlFieldValue_t(valueType=pynvml.NVML_VALUE_TYPE_COUNT)) is None

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.amd.smi import AmdSmiError, asics, cards
from producers.readings import Reading
from tests.recordings import RECORDINGS, with_recordings


def quantity(value, unit):
    return {"value": value, "unit": unit}


def metric(gpu=0, **sections):
    """Return what `amd-smi metric` prints of an MI300X, with sections replaced."""
    return {
        "gpu": gpu,
        "usage": {"gfx_activity": quantity(73, "%"), "umc_activity": quantity(20, "%"), "mm_activity": "N/A"},
        "power": {"socket_power": quantity(300, "W"), "gfx_voltage": "N/A", "throttle_status": "N/A"},
        "temperature": {"edge": "N/A", "hotspot": quantity(61, "C"), "mem": quantity(70, "C")},
        "energy": {"total_energy_consumption": quantity(71_263.443, "J")},
        "mem_usage": {"total_vram": quantity(196_592, "MB"), "used_vram": quantity(1000, "MB")},
        **sections,
    }


def one(printed, known=None):
    [card] = cards(json.dumps(printed), known or {})
    return card


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_gpu_of_amd_smi_is_a_card(wrapped):
    """Newer versions wrap the list; values have their units beside them."""
    listed = [metric(gpu=3)]
    card = one({"gpu_data": listed} if wrapped else listed, {"3": ("0x000000000000ABC0", "mi300x")})

    assert (card.index, card.serial, card.model) == ("3", "0x000000000000ABC0", "mi300x")
    assert card.reading == Reading(
        energy_j=71_263.443, sensor_w=300, utilization=0.73, memory_used_bytes=1000 * 2**20,
        memory_total_bytes=196_592 * 2**20, temperature_c=70,
    )  # fmt: skip


def test_a_gpu_that_is_not_described_has_its_number_only():
    """Nothing is made up for it."""
    card = one([metric()])

    assert (card.serial, card.model) == (None, "unknown")


def test_sections_may_be_missing():
    """Where a driver does not have them, a word stands in their place."""
    sections = dict.fromkeys(("usage", "power", "temperature", "energy", "mem_usage"), "N/A")

    assert one([metric(**sections)]).reading == Reading()


def test_zero_watts_and_joules_are_no_readings():
    """The second die of an MI250X shows them."""
    sections = {
        "power": {"socket_power": quantity(0, "W")},
        "energy": {"total_energy_consumption": quantity(0.0, "J")},
    }
    reading = one([metric(**sections)]).reading

    assert (reading.sensor_w, reading.energy_j) == (None, None)


@pytest.mark.parametrize(("status", "bits"), [("THROTTLED", 8), ("UNTHROTTLED", 0), ("N/A", None), (5, None)])
def test_throttling_is_a_word(status, bits):
    """It does not say by what."""
    assert one([metric(power={"throttle_status": status})]).reading.throttle == bits


def test_partitions_of_a_gpu_are_one_card():
    """They have one serial number; the first reports the power of all. Activity and memory may be its own."""
    listed = [metric(gpu=0), metric(gpu=1, power="N/A"), metric(gpu=2)]
    known = {"0": ("0xA", "mi300x"), "1": ("0xA", "mi300x"), "2": ("0xB", "mi300x")}
    first, other = cards(json.dumps(listed), known)

    assert (first.index, other.index) == ("0", "2")
    assert (first.reading.sensor_w, first.reading.utilization, first.reading.memory_total_bytes) == (300, None, None)
    assert other.reading.utilization == 0.73


def test_gpus_without_serial_numbers_are_told_apart():
    """A virtual machine hides them."""
    listed = [metric(gpu=0), metric(gpu=1)]

    assert [card.index for card in cards(json.dumps(listed), {"0": (None, "mi300x"), "1": (None, "mi300x")})] == [
        "0",
        "1",
    ]


def test_asics_are_told_by_number():
    """Serial number and model, by the GPU's number."""
    listed = [
        {"gpu": 0, "asic": {"market_name": "AMD Instinct MI300X OAM", "asic_serial": "0x000000000000ABC0"}},
        {"gpu": 1, "asic": "N/A"},
    ]
    expected = {"0": ("0x000000000000ABC0", "mi300x"), "1": (None, "unknown")}

    assert asics(json.dumps(listed)) == expected
    assert asics(json.dumps({"gpu_data": listed})) == expected


def test_warnings_before_the_listing_are_passed_over():
    """rocm-smi prints that a GPU sleeps, into the same stream."""
    printed = "WARNING: AMD GPU device(s) is/are in a low-power state.\n\n" + json.dumps([metric()], indent=4) + "\n\n"

    assert cards(printed, {})[0].reading.sensor_w == 300


@pytest.mark.parametrize("printed", ["", "usage: amd-smi", "[", '{"gpu_data": 5}', "[" * 100_000])
def test_what_is_no_listing_is_an_error(printed):
    """And nothing else is raised."""
    with pytest.raises(AmdSmiError):
        cards(printed, {})


def test_a_current_rocm_smi_names_the_socket():
    """MI300 shows the moment's power, and energy where the driver has it."""
    card = one(
        {
            "card0": {
                "Card Series": "AMD Instinct MI300X",
                "Unique ID": "0xabc0",
                "Current Socket Graphics Package Power (W)": "133.0",
                "Accumulated Energy (uJ)": "71263443990.5",
            },
            "system": {"Driver version": "6.8"},
        }
    )

    assert (card.index, card.serial, card.model) == ("0", "0x000000000000ABC0", "mi300x")
    assert card.reading == Reading(sensor_w=133.0, energy_j=pytest.approx(71_263.4439905))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["N/A", "36.0", "MI100", "0xabc0"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["gpu", "gpu_data", "power", "socket_power", "value", "unit", "usage", "gfx_activity", "energy",
             "total_energy_consumption", "mem_usage", "total_vram", "card0", "Unique ID", "GPU use (%)", "Card series",
             "Accumulated Energy (uJ)", "asic", "market_name", "asic_serial"]
        ), inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_any_json_is_cards_or_the_declared_error(document):
    """A listing is outside our hands."""
    for parse in (asics, lambda printed: cards(printed, {})):
        try:
            parse(json.dumps(document))
        except AmdSmiError:
            continue


@given(st.text(alphabet='[{}]",:0N/A\n'))
def test_any_text_is_cards_or_the_declared_error(printed):
    """Cut off or garbled."""
    try:
        cards(printed, {})
    except AmdSmiError:
        return


@with_recordings
class TestRecordings:
    """What AMD's commands printed; the tables were read off the files by eye."""

    def test_amd_smi(self):
        """The example in AMD's release notes: a GPU at rest, of which power alone was asked for."""
        text = (RECORDINGS / "amd" / "amd-smi-metric-json-example.txt").read_text()
        printed = text.split("amd-smi metric -p --json\n")[1].split("```")[0]
        [card] = cards(printed, {})

        assert (card.index, card.serial, card.model) == ("0", None, "unknown")
        assert card.reading == Reading(sensor_w=10, throttle=0)

    def test_rocm_smi(self):
        """Four MI100 at rest."""
        told = cards((RECORDINGS / "amd" / "rocm-smi-mi100.json").read_text(), {})

        assert [(card.serial, card.reading.sensor_w, card.reading.temperature_c) for card in told] == [
            ("0x79CCD55167A2124A", 36.0, 55.0),
            ("0x04EDFB117A17A07D", 44.0, 58.0),
            ("0xD4A9EC48D03D261D", 43.0, 57.0),
            ("0x1B9DD972253C3736", 39.0, 53.0),
        ]
        for card in told:
            assert card.model == "mi100"
            assert card.reading.utilization == 0.0
            assert card.reading.memory_used_bytes == 6_750_208
            assert card.reading.memory_total_bytes == 34_342_961_152
            assert (card.reading.energy_j, card.reading.throttle) == (None, None)

"""What Redfish resources say of power."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.redfish.chassis import chassis_of, members_of, next_page_of
from producers.redfish.power import MAX_WATTS, Shown, environment_of, power_of
from tests.producers.redfish_service import control, watts


def test_environment_metrics_tell_watts_and_energy():
    """Of two counters the finer one counts."""
    assert environment_of(watts(374)) == Shown(power_w=374.0)
    assert environment_of({"EnergykWh": {"Reading": 2.5}}) == Shown(energy_j=9e6)
    assert environment_of({"EnergykWh": {"Reading": 2}, "EnergyJoules": {"Reading": 7_300_000.5}}) == Shown(
        energy_j=7_300_000.5
    )


def test_power_tells_watts_and_the_services_own_average():
    metrics = {"PowerMetrics": {"AverageConsumedWatts": 319, "IntervalInMin": 30, "MaxConsumedWatts": 489}}

    assert power_of(control(344, **metrics)) == Shown(power_w=344.0, average_w=319.0, average_ms=1_800_000)
    assert power_of(control(None, **metrics)) == Shown(average_w=319.0, average_ms=1_800_000)


@pytest.mark.parametrize("minutes", [0, None, -1, 0.5, 61, True, "x"])
def test_an_average_over_no_stated_time_is_none(minutes):
    metrics = {"AverageConsumedWatts": 319, "IntervalInMin": minutes}

    assert power_of(control(None, PowerMetrics=metrics)) == Shown()


@pytest.mark.parametrize(
    ("controls", "expected_w"),
    [
        ([(500, None), (200, "CPU"), (80, "Memory")], 500.0),
        ([(200, "CPU"), (80, "Memory"), (500, "Chassis")], 500.0),
        ([(500, "SystemBoard"), (200, "CPU")], 500.0),
        ([(None, None), (200, "CPU")], None),
        ([], None),
    ],
)
def test_members_of_power_control_are_never_added_up(controls, expected_w):
    """The first is the whole, unless one further on says so of itself and the first does not."""
    members = [{"PowerConsumedWatts": power, "PhysicalContext": context} for power, context in controls]

    assert power_of({"PowerControl": members}).power_w == expected_w


@pytest.mark.parametrize(
    "value", [0, 0.0, None, "500 W", True, -3, float("nan"), float("inf"), MAX_WATTS * 2, 10**400, []]
)
def test_what_is_no_reading_is_none(value):
    """A 0 least of all: whoever answers draws power."""
    assert power_of(control(value)) == Shown()
    assert environment_of(watts(value)) == Shown()


def test_what_one_resource_does_not_tell_the_other_may():
    first = Shown(energy_j=5.0)
    second = Shown(power_w=1.0, average_w=2.0, average_ms=60_000, energy_j=7.0)

    assert first.or_else(second) == Shown(power_w=1.0, average_w=2.0, average_ms=60_000, energy_j=5.0)
    assert second.or_else(first) == second


def test_numbers_may_be_texts_and_one_control_may_stand_alone():
    """There is one of it, once, and it means nothing else: stmcginnis/gofish issue 409."""
    metrics = {"IntervalInMin": "1", "AverageConsumedWatts": "6100", "MaxConsumedWatts": "7400"}
    alone = {"PhysicalContext": "PowerSupply", "PowerConsumedWatts": "6240", "PowerMetrics": metrics}

    assert power_of({"PowerControl": alone}) == Shown(power_w=6240.0, average_w=6100.0, average_ms=60_000)
    assert environment_of({"PowerWatts": {"Reading": "374.5"}, "EnergyJoules": 7}) == Shown(power_w=374.5, energy_j=7.0)


SUPPLIES = [{"MemberId": "0", "PowerInputWatts": 1510}, {"MemberId": "1", "PowerInputWatts": 1490}]
AVERAGE = {"PowerMetrics": {"AverageConsumedWatts": 2900, "IntervalInMin": 1}}


def test_the_supplies_tell_where_nothing_else_does():
    """PowerControl goes before them, its average too: they are never added to it, and it is the whole."""
    without = [{}, {"PowerControl": []}, control(None), control(0), control("off")]

    assert [power_of({**one, "PowerSupplies": SUPPLIES}).power_w for one in without] == [3000.0] * 5
    assert power_of({**control(2950), "PowerSupplies": SUPPLIES}) == Shown(power_w=2950.0)
    assert power_of({**control(None, **AVERAGE), "PowerSupplies": SUPPLIES}) == Shown(
        average_w=2900.0, average_ms=60_000
    )


@pytest.mark.parametrize(
    "oem",
    [
        {"Public": {"TotalPower": 2980}},
        {"ts_fujitsu": {"ChassisPowerConsumption": {"CurrentPowerConsumptionW": 2980, "MinimumPowerW": 1}}},
        {"Vendor": {"PowerConsumedWatts": "2980"}},
    ],
)
def test_a_vendors_total_goes_before_the_supplies(oem):
    """It stands below the whole of Power, or of its control; the standard's own watts go before it."""
    told = {"PowerSupplies": SUPPLIES}

    assert power_of({**told, **control(None), "Oem": oem}).power_w == 2980.0
    assert power_of({**told, **control(None, Oem=oem)}).power_w == 2980.0
    assert power_of({**told, **control(2950), "Oem": oem}).power_w == 2950.0


@pytest.mark.parametrize("oem", [{"A": {"TotalPower": 1}, "B": {"TotalPower": 2}}, {"A": {"TotalPower": -1}}, [], "x"])
def test_totals_that_differ_or_are_none_tell_nothing(oem):
    assert power_of({"Oem": oem}) == Shown()


KEYS = (
    *("Members", "Members@odata.nextLink", "@odata.id", "Id", "Links", "ContainedBy", "Power", "EnvironmentMetrics"),
    *("PowerControl", "PowerConsumedWatts", "PhysicalContext", "PowerMetrics", "AverageConsumedWatts", "IntervalInMin"),
    *("PowerWatts", "EnergykWh", "EnergyJoules", "Reading", "PowerSupplies", "PowerInputWatts", "Status", "State"),
    *("Oem", "TotalPower", "ChassisPowerConsumption", "SerialNumber", "MemberId", "PowerSubsystem"),
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("/redfish/v1/Chassis/1")
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
)
RESOURCES = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=8)


@given(RESOURCES)
@settings(max_examples=300)
def test_any_json_object_is_understood_or_passed_over(resource):
    """Right names with wrong things behind them make no exception and no watts out of range."""
    resource = json.loads(json.dumps(resource))
    for shown in (power_of(resource), environment_of(resource)):
        assert shown.power_w is None or 0 < shown.power_w <= MAX_WATTS
        assert (shown.average_w is None) == (shown.average_ms is None)
        assert shown.average_ms is None or 60_000 <= shown.average_ms <= 3_600_000
    chassis = chassis_of(resource, "/redfish/v1/Chassis/1")
    assert chassis.name
    assert "/" not in chassis.name
    assert all(path.startswith("/") for path in members_of(resource))
    assert next_page_of(resource) is None or next_page_of(resource).startswith("/")

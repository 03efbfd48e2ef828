"""What Redfish resources say of power, and which chassis is read."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.redfish.power import (
    MAX_WATTS,
    Chassis,
    ChoiceError,
    Shown,
    chassis_of,
    environment_of,
    instead_of,
    members_of,
    named,
    next_page_of,
    outermost,
    power_of,
)
from tests.producers.redfish_service import ROOT, control, link, watts

PATH = f"{ROOT}/Chassis/"


def one(name, within=None):
    return Chassis(name=name, path=PATH + name, within=within and PATH + within)


def powered(*names):
    """Return what is shown where these chassis tell of power."""
    return {PATH + name: Shown(power_w=1.0) for name in names}


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


@pytest.mark.parametrize("minutes", [0, None, -1, 0.5, 61, True, "20"])
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
    "value", [0, 0.0, None, "500", True, -3, float("nan"), float("inf"), MAX_WATTS * 2, 10**400, []]
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


def test_a_chassis_says_where_it_stands_and_where_it_tells_of_power():
    resource = {
        "Id": "Tray/1",
        "Power": link(f"{PATH}1/Power/"),
        "EnvironmentMetrics": None,
        "Links": {"ContainedBy": link(f"{PATH}rack/"), "Contains": [link(f"{PATH}2")]},
    }

    assert chassis_of(resource, f"{PATH}1") == Chassis(
        name="Tray_1", path=f"{PATH}1", within=f"{PATH}rack", power=f"{PATH}1/Power"
    )


@pytest.mark.parametrize("name", [None, "", " ", 7])
def test_a_chassis_without_an_id_is_called_by_its_place(name):
    assert chassis_of({"Id": name}, "/redfish/v1/Chassis/Members%28%271%27%29/").name == "Members('1')"


def test_a_collection_is_told_in_pages():
    collection = {"Members": [link("/a/"), link("relative"), {}, 3], "Members@odata.nextLink": "/a?$skip=4"}

    assert members_of(collection) == ["/a"]
    assert next_page_of(collection) == "/a?$skip=4"


def test_the_outermost_chassis_with_power_is_read():
    """A board inside a tray inside a rack: the rack's frame tells nothing, so it is the tray."""
    everyone = [one("rack"), one("tray", "rack"), one("board", "tray"), one("fan", "gone")]

    assert outermost(everyone, powered("tray", "board")).name == "tray"
    assert outermost(everyone, powered("rack", "board")).name == "rack"


def test_chassis_side_by_side_are_for_the_operator_to_choose():
    """Their sum may count most of a machine twice: links from one to the other are often missing."""
    everyone = [one("DGX"), one("HGX_Chassis_0"), one("CPU", "DGX")]

    with pytest.raises(ChoiceError, match="shows the power of DGX, HGX_Chassis_0, none inside another: say with --cha"):
        outermost(everyone, powered("DGX", "HGX_Chassis_0", "CPU"))


@pytest.mark.parametrize("everyone", [[], [one("1"), one("2")]])
def test_a_service_without_power_says_what_it_has(everyone):
    with pytest.raises(ChoiceError, match=r"has no chassis that shows power: it has (none at all|1, 2)$"):
        outermost(everyone, {})


@pytest.mark.parametrize(
    ("value", "said"),
    [(-5, "-5"), (0, "0"), ("374 W", '"374 W"'), (True, "true"), ([374], "no number"), (1e9, "1000000000.0")],
)
def test_what_stands_in_the_place_of_a_power_is_said(value, said):
    """A sensor that is broken is not one that is not there."""
    for shown in (power_of(control(value)), environment_of(watts(value))):
        with pytest.raises(
            ChoiceError, match=re.escape(f"it has 1 (whose power is {said}, and must be a number above 0)")
        ):
            outermost([one("1")], {PATH + "1": shown})
    assert instead_of(power_of(control(None))) == instead_of(power_of(control(300))) == ""


def test_named_chassis_are_read_once_each():
    everyone = [one("1"), one("2"), one("3")]

    assert [chassis.name for chassis in named(everyone, ["3", "1", "3"])] == ["3", "1"]
    with pytest.raises(ChoiceError, match="has no chassis 7 or 8: it has 1, 2, 3"):
        named(everyone, ["7", "1", "8"])


def test_a_chassis_in_a_chassis_is_not_counted_twice():
    """Not even if both are asked for."""
    with pytest.raises(ChoiceError, match="has chassis board inside rack"):
        named([one("rack"), one("tray", "rack"), one("board", "tray")], ["rack", "board"])


def test_chassis_that_stand_in_each_other_are_no_endless_loop():
    circle = [one("a", "b"), one("b", "a"), one("c", "c")]

    assert [chassis.name for chassis in named(circle, ["c"])] == ["c"]
    with pytest.raises(ChoiceError, match="inside"):
        named(circle, ["a", "b"])
    with pytest.raises(ChoiceError, match="no chassis"):
        outermost(circle, powered("a", "b"))


KEYS = (
    *("Members", "Members@odata.nextLink", "@odata.id", "Id", "Links", "ContainedBy", "Power", "EnvironmentMetrics"),
    *("PowerControl", "PowerConsumedWatts", "PhysicalContext", "PowerMetrics", "AverageConsumedWatts", "IntervalInMin"),
    *("PowerWatts", "EnergykWh", "EnergyJoules", "Reading"),
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

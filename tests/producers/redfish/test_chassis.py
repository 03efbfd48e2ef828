"""Chassis, and which of them is read."""

import re

import pytest

from producers.redfish.chassis import (
    Chassis,
    ChoiceError,
    chassis_of,
    instead_of,
    members_of,
    named,
    next_page_of,
    outermost,
)
from producers.redfish.power import Shown, environment_of, power_of
from tests.producers.redfish_service import ROOT, control, link, watts

PATH = f"{ROOT}/Chassis/"


def one(name, within=None, power=None):
    return Chassis(name=name, path=PATH + name, within=within and PATH + within, power=power)


def powered(*names):
    """Return what is shown where these chassis tell of power."""
    return {PATH + name: Shown(power_w=1.0) for name in names}


def test_a_chassis_says_where_it_stands_and_where_it_tells_of_power():
    resource = {
        "Id": "Tray/1",
        "Power": link(f"{PATH}1/Power/"),
        "EnvironmentMetrics": None,
        "Links": {"ContainedBy": link(f"{PATH}rack/"), "Contains": [link(f"{PATH}2")]},
    }

    assert chassis_of(resource, f"{PATH}1") == Chassis(
        name="Tray_1", path=f"{PATH}1", within=f"{PATH}rack/", power=f"{PATH}1/Power/"
    )


@pytest.mark.parametrize("name", [None, "", " ", 7])
def test_a_chassis_without_an_id_is_called_by_its_place(name):
    assert chassis_of({"Id": name}, "/redfish/v1/Chassis/Members%28%271%27%29/").name == "Members('1')"


def test_a_collection_is_told_in_pages():
    collection = {"Members": [link("/a/"), link("relative"), {}, 3], "Members@odata.nextLink": "/a?$skip=4"}

    assert members_of(collection) == ["/a/"]
    assert next_page_of(collection) == "/a?$skip=4"


def test_the_outermost_chassis_with_power_is_read():
    """A board inside a tray inside a rack: the rack's frame tells nothing, so it is the tray."""
    everyone = [one("rack"), one("tray", "rack"), one("board", "tray"), one("fan", "gone")]

    assert outermost(everyone, powered("tray", "board")).name == "tray"
    assert outermost(everyone, powered("rack", "board")).name == "rack"


def test_chassis_side_by_side_are_for_the_operator_to_choose():
    """Their sum may count most of a machine twice: links from one to the other are often missing."""
    everyone = [one("DGX"), one("HGX_Chassis_0"), one("CPU", "DGX")]

    with pytest.raises(
        ChoiceError, match="reports the power of DGX, HGX_Chassis_0, none inside another; choose with --cha"
    ):
        outermost(everyone, powered("DGX", "HGX_Chassis_0", "CPU"))


@pytest.mark.parametrize("everyone", [[], [one("1"), one("2")]])
def test_a_service_without_power_says_what_it_has(everyone):
    with pytest.raises(ChoiceError, match=r"has no chassis that reports power; it has (none at all|1, 2)$"):
        outermost(everyone, {})


def test_named_chassis_are_read_once_each():
    everyone = [one("1"), one("2"), one("3")]

    assert [chassis.name for chassis in named(everyone, ["3", "1", "3"])] == ["3", "1"]
    assert [chassis.name for chassis in named(everyone, ["7", "1", "8"])] == ["1"]


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


@pytest.mark.parametrize(
    ("value", "said"),
    [(-5, "-5"), (0, "0"), ("374 W", '"374 W"'), (True, "true"), ([374], "no number"), (1e9, "1000000000.0")],
)
def test_what_stands_in_the_place_of_a_power_is_said(value, said):
    """A sensor that is broken is not one that is not there."""
    for shown in (power_of(control(value)), environment_of(watts(value))):
        with pytest.raises(
            ChoiceError, match=re.escape(f"it has 1 (whose power is {said}; it must be a number above 0)")
        ):
            outermost([one("1")], {PATH + "1": shown})
    assert instead_of(power_of(control(None))) == instead_of(power_of(control(300))) == ""


def summed(**parts):
    """Return what is shown where the supplies of these chassis are added up."""
    return {PATH + name: Shown(power_w=1.0, parts=frozenset(supplies)) for name, supplies in parts.items()}


def test_one_reading_that_two_chassis_show_is_one():
    """Both link to one resource: the first is taken, and both may not be named."""
    everyone = [one("A", power=f"{PATH}A/Power"), one("B", power=f"{PATH}A/Power/")]

    assert outermost(everyone, powered("A", "B")).name == "A"
    with pytest.raises(
        ChoiceError, match="reports the power of A and B in one place; with both, --chassis would count"
    ):
        named(everyone, ["A", "B"])


def test_chassis_that_show_the_same_supplies_are_one():
    """The one that shows most of them is taken, the first of equals."""
    everyone = [one("A"), one("B"), one("shelf")]

    assert outermost(everyone, summed(A="12", B="12")).name == "A"
    assert outermost(everyone, summed(A="1", B="2", shelf="12")).name == "shelf"
    with pytest.raises(ChoiceError, match="reports the power of A, B, none inside another"):
        outermost(everyone, summed(A="12", B="23"))


def test_a_chassis_that_tells_its_power_goes_before_a_sum_of_supplies():
    """Where neither stands in the other, the sum is mostly that of the same machine."""
    everyone = [one("shelf"), one("system"), one("board", "system"), one("frame"), one("sled", "frame")]

    assert outermost(everyone, summed(shelf="12") | powered("system", "board")).name == "system"
    assert outermost(everyone, summed(frame="12") | powered("sled")).name == "frame"


def test_a_link_with_a_slash_and_one_without_lead_to_one_chassis():
    everyone = [
        Chassis(name="board", path=f"{PATH}board/", within=f"{PATH}tray"),
        Chassis(name="tray", path=f"{PATH}tray/"),
    ]
    shown = {chassis.place: Shown(power_w=1.0) for chassis in everyone}

    assert outermost(everyone, shown).name == "tray"
    assert members_of({"Members": [link("/a/"), link("/a"), link("/b")]}) == ["/a/", "/b"]


def test_one_member_may_stand_without_a_list():
    assert members_of({"Members": link("/a/")}) == members_of({"Members": ["/a/"]}) == ["/a/"]


def test_a_long_list_is_cut():
    with pytest.raises(ChoiceError, match=r"it has 0, 1, .*, 11, and 88 more$"):
        outermost([one(str(number)) for number in range(100)], {})

"""What power supplies take in, as one sum."""

import pytest

from producers.redfish.supplies import Total, listed, summed, supply_of

PATH = "/redfish/v1/Chassis/1/Power"
ABSENT = {"MemberId": "2", "Status": {"State": "Absent"}, "PowerInputWatts": None}


def supply(watts=None, *, name="0", **extra):
    return {"MemberId": name, "Status": {"State": "Enabled"}, "PowerInputWatts": watts, **extra}


def total_of(*supplies, path=PATH):
    return summed(listed({"PowerSupplies": list(supplies)}, path), 1e7)


def test_supplies_are_added_up():
    """What they give out or could give is not what they take in."""
    one = supply(1510, PowerOutputWatts=1400, LastPowerOutputWatts=1390, PowerCapacityWatts=3000)

    assert total_of(one, supply("1490", name="1"), ABSENT).watts == 3000.0
    assert total_of(supply(PowerOutputWatts=1400)).watts is None


@pytest.mark.parametrize(
    ("own", "expected_w"),
    [
        ({"InputPowerWatts": {"Reading": 700}}, 700.0),
        ({"Oem": {"Huawei": {"PowerInputWatts": 700}}}, 700.0),
        ({"Oem": [{"Vendor": {"InputPowerWatts": {"Reading": "700"}}}]}, 700.0),
        ({"Oem": {"A": {"PowerInputWatts": 700}, "B": {"PowerInputWatts": 700}}}, 700.0),
        ({"Oem": {"A": {"PowerInputWatts": 700}, "B": {"PowerInputWatts": 600}}}, None),
        ({"PowerInputWatts": 700, "Oem": {"A": {"PowerInputWatts": 600}}}, 700.0),
        ({"Oem": {"A": {"PowerOutputWatts": 600}}}, None),
    ],
)
def test_the_input_is_told_by_either_schema_or_by_a_vendor(own, expected_w):
    """Vendors that differ tell nothing."""
    assert supply_of({"MemberId": "0", **own}, PATH).input_w == expected_w


@pytest.mark.parametrize(
    ("state", "watts", "expected_w"),
    [
        ("Enabled", None, None),
        ("StandbySpare", None, None),
        (None, None, None),
        ("Absent", None, 700.0),
        ("Absent", 300, 700.0),
        ("Disabled", None, 700.0),
        ("disabled", 5, 705.0),
        ("UnavailableOffline", None, 700.0),
        ("Enabled", 0, 700.0),
        ("StandbySpare", 4, 704.0),
        ("Enabled", -3, None),
        ("Enabled", "n/a", None),
    ],
)
def test_a_supply_without_a_reading_makes_the_sum_unknown_unless_its_state_tells(state, watts, expected_w):
    """A 0 beside others is a supply that rests; no reading at all may be half of a machine."""
    other = supply(watts, name="1", Status={"State": state})

    assert total_of(supply(700), other).watts == expected_w


def test_what_is_missing_is_named():
    supplies = [supply(700), *[supply(name=str(number)) for number in range(1, 6)]]

    assert total_of(*supplies[:2]).instead == "of whose 2 power supplies 1 reports no input power"
    assert total_of(*supplies).instead == (
        "of whose 6 power supplies 1 reports no input power, 2 reports no input power, 3 reports no input power, 2 more"
    )
    assert total_of(supply(0), supply(0, name="1")).instead == "whose power supplies report 0 W of input power"
    assert total_of() == total_of(ABSENT) == Total()


def test_one_that_is_listed_twice_counts_once():
    once = supply(700, **{"@odata.id": f"{PATH}#/PowerSupplies/0"})

    assert total_of(once, once, supply(600, name="1")).watts == 1300.0


def test_supplies_of_one_name_one_place_or_one_serial_number_are_several():
    """Makers fill in templates: what differs in anything that tells it apart counts for itself."""
    assert total_of(supply(700), supply(600)).watts == 1300.0
    place = {"@odata.id": PATH}
    assert total_of(supply(700, **place), supply(600, name="1", **place)).watts == 1300.0
    serial = {"SerialNumber": "1234567890"}
    assert total_of(supply(700, **serial), supply(600, name="1", **serial)).watts == 1300.0


def test_the_same_supplies_are_known_again_at_another_chassis():
    """By their serial numbers, or by where they are said to be; a number that says nothing tells nothing."""
    other = "/redfish/v1/Chassis/2/Power"

    def parts(**extra):
        return [total_of(supply(700, **extra), path=path).parts for path in (PATH, other)]

    mine, theirs = parts(SerialNumber="CN179724BF0520", Manufacturer="Delta")
    assert mine == theirs
    mine, theirs = parts(**{"@odata.id": f"{PATH}#/PowerSupplies/0"})
    assert mine == theirs
    for serial in ("N/A", "00000", "", None, 0):
        mine, theirs = parts(SerialNumber=serial)
        assert mine != theirs


@pytest.mark.parametrize("supplies", [None, [], "x", [None, 3], {"PowerInputWatts": []}])
def test_what_is_no_supply_adds_nothing(supplies):
    assert summed(listed({"PowerSupplies": supplies}, PATH), 1e7).watts is None


def test_one_supply_may_stand_without_a_list():
    assert summed(listed({"PowerSupplies": supply(700)}, PATH), 1e7).watts == 700.0

"""What a chassis shows, by the first of its resources that tells it."""

import pytest

from producers.redfish.chassis import chassis_of
from producers.redfish.client import Redfish
from producers.redfish.looker import Looker
from producers.redfish.power import Shown
from tests.producers.redfish_service import ROOT, Service, chassis, control, serving, watts

PATH = f"{ROOT}/Chassis/1"
SUPPLIES = f"{PATH}/PowerSubsystem/PowerSupplies"
ENABLED = {"Status": {"State": "Enabled"}}


def metrics(reading):
    return {"InputPowerWatts": {"Reading": reading}, "OutputPowerWatts": {"Reading": 1}}


TWO = {"0": (ENABLED, metrics(1510)), "1": (ENABLED, metrics(1490)), "2": ({"Status": {"State": "Absent"}}, None)}


@pytest.fixture
def service():
    with serving(Service()) as running:
        yield running


@pytest.fixture
def look(service):
    client = Redfish(service.url, timeout_s=60)
    looker = Looker(client)
    yield lambda: looker.look(chassis_of(service.resources[PATH], PATH))
    client.close()


def test_the_first_resource_with_watts_is_the_last_that_is_asked(service, look):
    """None of them is added to another: they tell of the same watts."""
    listed = [{"MemberId": "0", "PowerInputWatts": 3}]
    told = [
        (watts(1), control(2) | {"PowerSupplies": listed}, 1.0),
        (watts(None), control(2) | {"PowerSupplies": listed}, 2.0),
        (watts(None), control(None) | {"PowerSupplies": listed}, 3.0),
        (watts(None), control(None), 3000.0),
        (None, None, 3000.0),
    ]
    for environment, power, expected_w in told:
        service.show(chassis("1", environment=environment, power=power, supplies=TWO))

        assert look().shown.power_w == expected_w


def test_the_supplies_of_a_subsystem_are_added_up_each_time(service, look):
    """What changes is asked for: who is there, their metrics, and those that showed none."""
    service.show(chassis("1", supplies=TWO))
    look()
    before = len(service.requests)

    assert look().shown == Shown(power_w=3000.0)
    assert [path for _, path in service.requests[before:]] == [
        SUPPLIES, f"{SUPPLIES}/0/Metrics", f"{SUPPLIES}/1/Metrics", f"{SUPPLIES}/2",
    ]  # fmt: skip


def test_a_supply_that_comes_or_goes_is_noticed_at_once(service, look):
    service.show(chassis("1", supplies=TWO))
    assert look().shown.power_w == 3000.0
    service.show(chassis("1", supplies=TWO | {"2": (ENABLED, metrics(1000))}))
    assert look().shown.power_w == 4000.0
    service.show(chassis("1", supplies=TWO | {"1": ({"Status": {"State": "Absent"}}, metrics(None))}))
    assert look().shown.power_w == 1510.0
    service.show(chassis("1", supplies={"0": TWO["0"]}))
    assert look().shown.power_w == 1510.0


@pytest.mark.parametrize("status", [404, 500, 503])
@pytest.mark.parametrize("path", [f"{SUPPLIES}/1", f"{SUPPLIES}/1/Metrics"])
def test_a_supply_that_cannot_be_read_makes_the_sum_unknown(service, look, status, path):
    """Half of a machine's watts would be a reading that nobody made; it says which, and comes back by itself."""
    service.show(chassis("1", supplies=TWO))
    service.broken = {path: status}
    shown = look().shown

    assert not shown.any_power
    assert shown.instead.startswith("of whose 2 power supplies 1 ")
    service.broken = {}
    assert look().shown.power_w == 3000.0
    service.broken = {f"{SUPPLIES}/1/Metrics": status}
    assert not look().shown.any_power


def test_where_a_supply_tells_its_input_itself_its_metrics_are_not_needed(service, look):
    service.show(chassis("1", supplies={"0": ({"PowerInputWatts": 700}, metrics(None))}))

    assert look().shown.power_w == 700.0


@pytest.mark.parametrize("status", [404, 500])
def test_a_resource_that_cannot_be_read_costs_no_other(service, look, status):
    service.show(chassis("1", environment=watts(1), power=control(2), supplies=TWO))
    service.broken = {f"{PATH}/EnvironmentMetrics": status}
    first = look()
    service.broken |= {f"{PATH}/Power": status}
    second = look()

    assert (first.shown.power_w, second.shown.power_w) == (2.0, 3000.0)
    assert list(second.failures) == [f"{PATH}/EnvironmentMetrics", f"{PATH}/Power"]
    assert second.gone == (status == 404)


def test_what_was_found_instead_is_said(service, look):
    """What each resource lacks, and what each answered."""
    service.show(chassis("1"))
    assert look().shown.instead == "which links to no power"
    service.show(chassis("1", environment={}, power=control(None), supplies={}))
    assert look().shown.instead == "which reports no watts in EnvironmentMetrics and Power and PowerSubsystem"
    service.show(chassis("1", environment=watts("off"), power=control(None)))
    service.broken = {f"{PATH}/Power": 503}
    assert look().shown.instead == (
        'whose power is "off"; it must be a number above 0; whose Power answered 503 Service Unavailable'
    )
    service.broken = {f"{PATH}/Power": 404, f"{PATH}/EnvironmentMetrics": 500}
    assert look().shown.instead == (
        "whose EnvironmentMetrics answered 500 Internal Server Error; whose Power is not there"
    )

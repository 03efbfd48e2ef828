"""One meter over time, when parts of its service cannot be read."""

import pytest

from producers.redfish.client import Redfish
from producers.redfish.meter import Meter
from producers.source import SourceError, Tick
from tests.producers.redfish_service import ROOT, Service, chassis, control, serving, watts

START_MS = 1_790_000_000_000
CHASSIS = f"{ROOT}/Chassis"
LABELS = {"site": "north", "fleet": "train", "platform": "nvidia", "model": "host-meter", "host": "node-7"}


@pytest.fixture
def service():
    with serving(Service()) as running:
        yield running


@pytest.fixture
def meter(service):
    """Make meters of that service."""
    made = []

    def make(*names):
        made.append(Meter(Redfish(service.url, timeout_s=60), LABELS, names, 0.02))
        return made[-1]

    yield make
    for one in made:
        one.close()


def at(meter, second=0):
    """Read at that second; return watts by chip."""
    return shown(meter.read(Tick(START_MS + second * 1000, 10_000)))


def shown(batches):
    return {row["chip"]: row["power_w"] for batch in batches for row in batch.samples.to_pylist()}


@pytest.mark.parametrize("status", [404, 500, 503])
@pytest.mark.parametrize("broken", ["RAID", "RAID/Power"])
def test_one_bad_chassis_is_said_once_and_costs_no_other(service, meter, capsys, status, broken):
    service.show(chassis("RAID", power=control(9)), chassis("System", environment=watts(5300)))
    service.broken = {f"{CHASSIS}/{broken}": status}
    system = meter()
    told = [at(system, second) for second in range(0, 50, 10)]

    assert told == [{"meter/System": 5300.0}] * 5
    assert capsys.readouterr().out.count("a part of a power meter cannot be read; continuing without it") == 1
    assert service.asked("GET").count(f"{CHASSIS}/{broken}") == 1


def test_a_named_chassis_needs_no_other(service, meter, capsys):
    service.show(*(chassis(name, power=control(9)) for name in ("A", "System", "Z")))
    service.broken = {f"{CHASSIS}/A": 500, f"{CHASSIS}/Z": 500}

    assert at(meter("System")) == {"meter/System": 9.0}
    assert "cannot be read" not in capsys.readouterr().out


def test_what_cannot_be_read_is_tried_again_ever_less_often(service, meter):
    """After one minute, two, four, up to an hour; a read of its own chassis never waits for it."""
    service.show(chassis("RAID"), chassis("System", environment=watts(5300)))
    service.broken = {f"{CHASSIS}/RAID": 500}
    system, tried = meter(), []
    for second in range(0, 8 * 3600, 10):
        before = len(service.requests)
        at(system, second)
        if ("GET", f"{CHASSIS}/RAID") in service.requests[before:]:
            tried.append(second)
        if len(tried) > 1 and tried[-1] == second:
            assert service.requests[before:][-2:] == [
                ("GET", f"{CHASSIS}/System/EnvironmentMetrics"), ("GET", f"{CHASSIS}/RAID"),
            ]  # fmt: skip
    minutes = [second / 60 for second in tried]

    assert minutes[:7] == [0, 1, 3, 7, 15, 31, 63]
    assert minutes[7:] == [123, 183, 243, 303, 363, 423]


def test_what_can_be_read_again_is_chosen_from(service, meter):
    """A board was read while the chassis around it could not be."""
    parts = [chassis("board", environment=watts(700), within="tray"), chassis("tray", environment=watts(1000))]
    service.show(*parts)
    service.broken = {f"{CHASSIS}/tray": 503}
    one = meter()
    assert at(one) == {"meter/board": 700.0}
    service.broken = {}
    told = [at(one, second) for second in range(10, 90, 10)]

    assert told == [{"meter/board": 700.0}] * 6 + [{"meter/tray": 1000.0}] * 2


def test_one_of_several_named_chassis_that_is_missing_costs_no_other(service, meter):
    """It is an error beside their samples, until it is there."""
    service.show(chassis("A", power=control(700)), chassis("B", power=control(300)))
    service.broken = {f"{CHASSIS}/B": 503}
    both = meter("A", "B")
    with pytest.raises(
        SourceError, match="reports no power of chassis B: of those that are listed, B answered 503"
    ) as raised:
        at(both)
    assert shown(raised.value.batches) == {"meter/A": 700.0}
    service.broken = {}
    with pytest.raises(SourceError, match="B answered 503"):
        at(both, 60)

    assert at(both, 70) == {"meter/A": 700.0, "meter/B": 300.0}


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_named_chassis_whose_power_fails_costs_no_other(service, meter, status):
    """Whichever comes first."""
    service.show(chassis("A", power=control(700)), chassis("B", power=control(300)))
    both = meter("A", "B")
    assert at(both) == {"meter/A": 700.0, "meter/B": 300.0}
    service.broken = {f"{CHASSIS}/A/Power": status}
    with pytest.raises(SourceError, match=r"reports no power of chassis A \(whose Power ") as raised:
        at(both, 10)

    assert shown(raised.value.batches) == {"meter/B": 300.0}


def test_named_chassis_with_power_supplies_in_common_are_not_added(service, meter):
    """The first counts, and the other is said."""
    supplies = {"PowerSupplies": [{"SerialNumber": "CN1797", "PowerInputWatts": 1510}]}
    service.show(chassis("A", power=supplies), chassis("B", power=supplies))
    assert at(meter()) == {"meter/A": 1510.0}
    with pytest.raises(SourceError, match=r"reports no power of chassis B \(it shares power supplies with A") as raised:
        at(meter("A", "B"))

    assert shown(raised.value.batches) == {"meter/A": 1510.0}


def test_where_none_shows_power_what_each_shows_is_said(service, meter):
    service.show(chassis("1", power={}), chassis("2"), chassis("3", power=control(5)))
    service.broken = {f"{CHASSIS}/3": 503}
    with pytest.raises(SourceError) as raised:
        at(meter())

    assert str(raised.value) == (
        f"{service.url} has no chassis that reports power; it has 1 (which reports no watts in Power), 2 (which links "
        "to no power); it does not report 3 (answered 503 Service Unavailable)"
    )

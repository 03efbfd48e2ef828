"""What a single look tells, of a driver's directory and of what a pipe brings."""

import os

import pytest

from producers.neuron.host import NeuronHost
from producers.neuron.monitor import Command, Patience, Pipe
from producers.neuron.sysfs import Sysfs
from producers.source import Tick
from tests.producers.neuron_stub import line, power_line, runtime, write_command, write_device

NOW_S = 29_833_334 * 60
SOON_S = 0.2
"""How long to wait for what does not come."""


@pytest.fixture
def driver(tmp_path):
    """Write a device whose last minute of power ended so many seconds ago."""

    def write(ago_s, **options):
        write_device(tmp_path / "neuron", 0, serial="5e0", power=power_line(NOW_S - ago_s, **options))
        return Sysfs(tmp_path / "neuron")

    return write


@pytest.fixture
def pipe():
    """Open monitors that have printed that much and go on running; both ends are closed at last."""
    writing = []

    def open_one(printed=b""):
        ours, theirs = os.pipe()
        writing.append(theirs)
        os.write(theirs, printed)
        return Pipe(ours, now=lambda: NOW_S)

    yield open_one
    for end in writing:
        os.close(end)


def look(sysfs, monitor, waits_s=SOON_S):
    """Look once; return how many rectangles have power, and what is amiss."""
    host = NeuronHost("node", sysfs, monitor, once=True, once_waits_s=waits_s)
    told = host.look(Tick(NOW_S * 1000, 1000))
    host.close()
    return sum(rectangle.window is not None for _, rectangle in told.rectangles), [*told.problems]


@pytest.mark.parametrize("printed", [b"", line(runtime({0: 50.0})).rstrip(b"\n")])
def test_a_monitor_that_prints_no_report_is_told_beside_the_power(driver, pipe, printed):
    """It hangs, or never ends its line."""
    assert look(driver(10), pipe(printed)) == (1, ["standard input printed no report within 0.2 s"])


def test_a_monitor_that_cannot_be_ended_is_told_too(driver, tmp_path):
    """It ignores SIGTERM, and power is of long ago: neither is silence."""
    body = "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    monitor = Command([str(write_command(tmp_path, body))], patience=Patience(end_s=0.2))
    powers, amiss = look(driver(130), monitor)

    assert powers == 0
    assert "printed no report within" in amiss[0]
    assert "the power of neuron0 does not change" in amiss[1]


def test_a_report_in_time_is_all_that_is_wanted(driver, pipe):
    assert look(driver(10), pipe(line(runtime({0: 50.0}))), waits_s=60.0) == (1, [])


@pytest.mark.parametrize("ago_s", [120, 149, 10_000])
def test_power_that_is_too_old_to_be_told_is_said(driver, ago_s):
    powers, (amiss,) = look(driver(ago_s), None)

    assert powers == 0
    assert "the power of neuron0 does not change" in amiss


def test_power_of_the_future_is_said(driver):
    """The driver dates it by the machine's clock, which was set back, or is wrong."""
    assert look(driver(-60), None) == (0, ["the power of neuron0 has a time in the future; check the clock"])


def test_power_of_the_future_is_told_when_its_time_has_come(driver):
    """Less than the minute in which the driver dates anew are nobody's trouble."""
    host = NeuronHost("node", driver(-120), None)
    found = [host.look(Tick((NOW_S + second) * 1000, 1000)) for second in (0, 59, 60, 120)]

    assert [len(told.problems) for told in found] == [1, 1, 0, 0]
    assert [len(told.rectangles) for told in found] == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("power", "why"),
    [
        (None, "{path} is missing, so watts are unknown; set its path with --power-file"),
        (
            power_line(0, status="NO_DATA", low=0, high=0, mean=0),
            "the driver has not completed a minute of power yet; watts are unknown until then",
        ),
        (
            power_line(NOW_S - 10, status="NO_DATA", low=0, high=0, mean=0),
            "the driver has no power data; watts are unknown until the firmware provides it",
        ),
    ],
)
@pytest.mark.parametrize("once", [True, False])
def test_without_a_monitor_a_device_without_power_is_a_failure(tmp_path, power, why, once):
    """There is nothing else that could be told of it, now or ever."""
    write_device(tmp_path, 0, kind=None, power=power)
    host = NeuronHost("node", Sysfs(tmp_path), None, once=once)
    told = host.look(Tick(NOW_S * 1000, 1000))

    assert [*told.problems] == [why.format(path=tmp_path / "neuron0/stats/power/utilization")]

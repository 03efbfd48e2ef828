import itertools
import threading
import time

import pytest

from producers.devices import DeviceLostError, DeviceSource, DriverLostError, Questions, Session, Verdict
from producers.readings import Chip, HostMeters, Reading
from producers.source import SourceError, Tick, Where

START_MS = 1_790_000_000_000
SOON_S = 30.0
"""A deadline that only a defect misses."""


class Device:
    """Shows a counter that runs at 100 W; `failure` is raised instead, and `hang` is waited for."""

    def __init__(self, name):
        self.chip = Chip(name, "h100-sxm")
        self.energy_j = 0.0
        self.failure = None
        self.hang = None
        self.fault = None

    def read(self, _tick):
        if self.hang is not None:
            self.hang.wait(4 * SOON_S)
        if self.failure is not None:
            raise self.failure
        self.energy_j += 100.0
        return Reading(energy_j=self.energy_j, sensor_w=100.0, fault=self.fault)


class Driver:
    def __init__(self, *names):
        self.found = [Device(name) for name in names]
        self.failures = []
        self.opened = self.closed = 0
        self.failure = self.count_failure = None

    def open(self):
        if self.failure is not None:
            raise self.failure
        self.opened += 1
        return Session(tuple(self.found), list(self.failures), len(self.found))

    def count(self):
        if self.count_failure is not None:
            raise self.count_failure
        return len(self.found)

    def close(self):
        self.closed += 1


@pytest.fixture
def driver():
    return Driver("a", "b")


@pytest.fixture
def source(driver):
    meters = HostMeters(Where(host="node-7"), "nvidia", power_error_w=5.0)
    opened = DeviceSource(driver, meters, timeout_s=2 * SOON_S)
    yield opened
    opened.close()


def told(batches):
    return {
        sample["chip"]: (sample["power_w"], sample["power_method"], sample["interval_ms"])
        for batch in batches
        for sample in batch.samples.to_pylist()
    }


def at(source, second):
    return told(source.read(Tick(START_MS + second * 1000, 1000)))


def failing_at(source, second):
    """Read at that second, which fails; return why, and what could be read all the same."""
    with pytest.raises(SourceError) as raised:
        source.read(Tick(START_MS + second * 1000, 1000))
    return str(raised.value), told(raised.value.batches)


def test_all_devices_are_one_batch(source):
    """Under the host's name; the counter counts from the second read on."""
    [batch] = source.read(Tick(START_MS, 1000))

    assert batch.key == "node-7"
    assert told([batch]) == {"a": (100.0, "sensor", 1000), "b": (100.0, "sensor", 1000)}
    assert at(source, 1) == {"a": (100.0, "counter", 1000), "b": (100.0, "counter", 1000)}


def test_a_device_that_fails_does_not_cost_the_others(source, driver):
    """They are with the error, and the counter bridges the gap when it is back."""
    at(source, 0)
    at(source, 1)
    driver.found[0].failure = ValueError("odd\nanswer")
    assert failing_at(source, 2) == ("a cannot be read: odd answer", {"b": (100.0, "counter", 1000)})

    driver.found[0].failure = None
    assert at(source, 3)["a"] == (50.0, "counter", 2000)
    assert driver.opened == 1


def test_what_a_device_could_not_show_is_told_with_its_sample(source, driver):
    """A fault costs that value only."""
    driver.found[0].fault = "a: temperature cannot be read: Unknown Error"
    reason, samples = failing_at(source, 0)

    assert reason == "a: temperature cannot be read: Unknown Error"
    assert set(samples) == {"a", "b"}


def test_a_device_that_hangs_does_not_cost_the_others(source, driver):
    """They are told in time, and at the next ticks it delays nobody; its late answer counts when it comes."""
    at(source, 0)
    at(source, 1)
    hang = driver.found[0].hang = threading.Event()
    source._timeout_s = 1.0  # is waited for in vain, once
    reason, samples = failing_at(source, 2)
    assert reason == "a did not answer within 1 s; its driver call hangs"
    assert samples == {"b": (100.0, "counter", 1000)}

    source._timeout_s = 2 * SOON_S  # from now on nothing may be waited for in vain
    began_s = time.monotonic()
    assert failing_at(source, 3)[1] == {"b": (100.0, "counter", 1000)}
    assert time.monotonic() - began_s < SOON_S
    assert driver.opened == 1

    hang.set()
    driver.found[0].hang = None
    for second in itertools.count(4):  # its thread has to get its turn
        try:
            late = at(source, second)
        except SourceError:
            assert time.monotonic() - began_s < 2 * SOON_S, "the late answer did not come"
            time.sleep(0.01)
        else:
            assert late["a"] == (pytest.approx(100 / (second - 1)), "counter", (second - 1) * 1000)
            return


def test_a_session_is_not_closed_under_a_call_that_hangs(source, driver):
    """The library could not bear it; the process can end, for the thread is a daemon."""
    driver.found[0].hang = threading.Event()
    source._timeout_s = 1.0  # is waited for in vain
    failing_at(source, 0)
    source.close()
    driver.found[0].hang.set()

    assert driver.closed == 0


def test_a_lost_device_is_looked_for_at_once_and_then_once_a_minute(source, driver):
    """Opening anew may take seconds; a session that is a minute old is given up at the next tick."""
    for second in range(61):
        at(source, second)
    driver.found[0].failure = DeviceLostError("a: cannot read power: GPU is lost")
    opened = []
    for second in range(61, 63 + 60):
        assert set(failing_at(source, second)[1]) == {"b"}
        opened.append(driver.opened)
    assert opened == [1, *[2] * 60, 3]
    assert driver.closed == driver.opened - 1


def test_a_lost_devices_counter_is_forgotten(source, driver):
    """It may have started again from nothing and be further than it was."""
    at(source, 0)
    driver.found[0].failure = DeviceLostError("lost")
    failing_at(source, 1)
    driver.found[0].failure = None
    driver.found[0].energy_j += 5000

    assert at(source, 2) == {"a": (100.0, "sensor", 1000), "b": (100.0, "counter", 1000)}


def test_a_lost_driver_is_opened_again_at_the_next_tick(source, driver):
    """All counters begin anew, as a driver that is loaded begins them anew."""
    at(source, 0)
    driver.found[0].failure = DriverLostError("a: cannot read power: Uninitialized")
    reason, samples = failing_at(source, 1)
    assert reason == "a: cannot read power: Uninitialized"
    assert samples == {"b": (100.0, "counter", 1000)}

    driver.found[0].failure = None
    assert at(source, 2) == {"a": (100.0, "sensor", 1000), "b": (100.0, "sensor", 1000)}
    assert (driver.opened, driver.closed) == (2, 1)


def test_a_driver_that_does_not_count_is_opened_again_at_once(source, driver):
    """And says why when that fails."""
    at(source, 0)
    driver.count_failure = RuntimeError("Uninitialized")
    driver.failure = SourceError("the driver is not loaded")
    assert failing_at(source, 1) == ("the driver is not loaded", {})

    driver.count_failure = driver.failure = None
    assert set(at(source, 2)) == {"a", "b"}


def test_a_device_that_is_added_is_read(source, driver):
    """The others' counters go on."""
    at(source, 0)
    driver.found.append(Device("c"))

    assert at(source, 1) == {
        "a": (100.0, "counter", 1000),
        "b": (100.0, "counter", 1000),
        "c": (100.0, "sensor", 1000),
    }


def test_a_device_that_cannot_be_opened_is_told_of_at_each_read(source, driver):
    """The others are read."""
    driver.failures = ["GPU 2 cannot be opened: GPU is lost"]

    assert failing_at(source, 0)[0] == "GPU 2 cannot be opened: GPU is lost"
    assert set(failing_at(source, 1)[1]) == {"a", "b"}


class TestQuestions:
    """Asking one device for one thing after the other."""

    @pytest.fixture
    def questions(self):
        verdicts = {ValueError: Verdict.ABSENT, KeyError: Verdict.DEVICE_LOST, OSError: Verdict.DRIVER_LOST}
        return Questions(Chip("a", "x"), lambda error: verdicts.get(type(error), Verdict.FAULT))

    @staticmethod
    def failing(error):
        def fail():
            raise error

        return fail

    def test_the_first_way_that_answers_counts(self, questions):
        """What the ways before it could not is no fault."""
        assert questions.ask("power", self.failing(RuntimeError("odd")), lambda: 7) == 7
        assert questions.fault is None

    def test_what_is_absent_is_none(self, questions):
        """And nothing to tell the operator of."""
        assert questions.ask("power", self.failing(ValueError("Not Supported"))) is None
        assert questions.fault is None

    def test_a_fault_is_none_and_kept(self, questions):
        """The first is told."""
        assert questions.ask("power", self.failing(RuntimeError("odd\n answer"))) is None
        assert questions.ask("energy", self.failing(RuntimeError("more"))) is None
        assert questions.fault == "a: cannot read power: odd answer"

    def test_a_loss_ends_the_questions(self, questions):
        """There is no use in asking on."""
        with pytest.raises(DeviceLostError, match="a: cannot read power"):
            questions.ask("power", self.failing(KeyError("lost")))
        with pytest.raises(DriverLostError, match="a: cannot read power: gone"):
            questions.ask("power", self.failing(OSError("gone")))

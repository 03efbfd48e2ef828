"""Chips that this machine's driver shows one by one: reading each by itself.

Every device is read in a thread of its own. A driver's call may hang, as those to a GPU that fell off the bus do, and
then costs its own device's samples and nobody else's. Loading the library and counting devices has no such guard.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Protocol

import click

from producers.flags import SECONDS
from producers.readings import Chip, HostMeters, Reading, summary
from producers.source import Batch, SourceError, Tick

TIMEOUT: Final = click.Option(
    ["--timeout", "timeout_s"],
    type=SECONDS,
    default=0.8,
    show_default=True,
    help="Timeout of a device in seconds. A later answer counts for the read during which it arrives.",
)

_REOPEN_MS: Final = 60_000
"""How long a session lasts at least before it is given up to find a lost device again: opening one may take seconds,
and disturbs the counters of the other devices."""


class DeviceLostError(Exception):
    """The device is gone; the others may go on."""


class DriverLostError(Exception):
    """The library's session is gone, and with it all devices: it has to be opened again."""


class Device(Protocol):
    """One chip, as the driver's library shows it."""

    @property
    def chip(self) -> Chip:
        """Which one it is."""

    def read(self, tick: Tick) -> Reading:
        """Read it now; `DeviceLostError` and `DriverLostError` say that this cannot be done again."""


@dataclass(frozen=True)
class Session:
    """What a driver showed when it was opened: devices, why others cannot be read, and the driver's own count."""

    devices: Sequence[Device]
    failures: Sequence[str]
    count: int


class Driver(Protocol):
    """The library of a platform's driver."""

    def open(self) -> Session:
        """Begin a session. Raises `SourceError`, with none begun, when there is no device to read."""

    def count(self) -> int:
        """Return the driver's count by now, at little cost; any exception is the end of the session."""

    def close(self) -> None:
        """End the session; it may have ended by itself."""


class Verdict(Enum):
    """What an exception of the library means for what was asked."""

    ABSENT = "this device does not show it"
    FAULT = "it should be there and could not be read"
    DEVICE_LOST = "the device is gone"
    DRIVER_LOST = "the session is gone"


class Questions:
    """Asks one device for one thing after the other, so that what one cannot show costs none of the rest."""

    def __init__(self, chip: Chip, judge: Callable[[Exception], Verdict]) -> None:
        self.fault: str | None = None
        self._chip = chip
        self._judge = judge

    def ask(self, what: str, *ways: Callable[[], Any]) -> Any:
        """Return the answer of the first way that has one, or None; the first fault is kept for the operator."""
        fault = None
        for way in ways:
            try:
                answer = way()
            except Exception as error:  # vendors' bindings raise whatever they stumble over
                verdict = self._judge(error)
                message = f"{self._chip.name}: cannot read {what}: {one_line(error)}"
                if verdict is Verdict.DRIVER_LOST:
                    raise DriverLostError(message) from error
                if verdict is Verdict.DEVICE_LOST:
                    raise DeviceLostError(message) from error
                if verdict is Verdict.FAULT:
                    fault = message
            else:
                return answer
        self.fault = self.fault or fault
        return None


class DeviceSource:
    """All devices of one driver, read at the same time."""

    default_period_s = 1.0
    """As often as drivers renew their mean power; an energy counter loses nothing in between."""

    def __init__(self, driver: Driver, meters: HostMeters, *, timeout_s: float) -> None:
        self._driver = driver
        self._meters = meters
        self._timeout_s = timeout_s
        self._lanes: list[_Lane] = []
        self._unopened: Sequence[str] = ()
        self._opened_ms: int | None = None
        self._count = 0
        self._device_lost = self._driver_lost = False

    def read(self, tick: Tick) -> list[Batch]:
        """Return the samples of all devices that answer; `SourceError` with them when any does not."""
        self._keep_open(tick)
        lanes = [(lane, lane.ask(tick)) for lane in self._lanes]
        until_s = time.monotonic() + self._timeout_s
        told: list[tuple[Chip, Reading]] = []
        failures = list(self._unopened)
        for lane, is_new in lanes:
            # A device that hung before delays nobody now.
            answer = lane.answer(until_s - time.monotonic() if is_new else 0)
            if isinstance(answer, Reading):
                told.append((lane.device.chip, answer))
                failures += [answer.fault] if answer.fault else []
            else:
                failures.append(self._failure(lane.device.chip, answer))
        batches = self._meters.batches(tick, told)
        if self._driver_lost:
            self._shut()
        if failures:
            raise SourceError(summary(failures), batches=batches)
        return batches

    def close(self) -> None:
        """End the session, unless a call hangs in it: the library may not be let go under that."""
        self._shut()

    def _keep_open(self, tick: Tick) -> None:
        if self._opened_ms is not None and not self._hangs():
            session_ms = tick.ts_ms - self._opened_ms
            if self._changed() or (self._device_lost and session_ms >= _REOPEN_MS):
                self._shut()
        if self._opened_ms is None:
            session = self._driver.open()
            self._opened_ms = tick.ts_ms
            self._count, self._unopened = session.count, session.failures
            self._lanes = [_Lane(device) for device in session.devices]
            self._device_lost, self._driver_lost = bool(self._unopened), False

    def _changed(self) -> bool:
        try:
            return self._driver.count() != self._count
        except Exception:  # noqa: BLE001  whatever it is, what `open` raises next says it better
            self._driver_lost = True
            return True

    def _failure(self, chip: Chip, answer: Exception | None) -> str:
        if answer is None:
            return f"{chip.name} did not answer within {self._timeout_s:g} s; its driver call hangs"
        if isinstance(answer, DriverLostError):
            self._driver_lost = True
            return str(answer)
        if isinstance(answer, DeviceLostError):
            self._device_lost = True
            self._meters.forget(chip)
            return str(answer)
        return f"{chip.name} cannot be read: {one_line(answer)}"

    def _hangs(self) -> bool:
        return any(lane.waiting for lane in self._lanes)

    def _shut(self) -> None:
        if self._driver_lost:
            self._meters.forget()
        for lane in self._lanes:
            lane.end()
        if self._opened_ms is not None and not self._hangs():
            self._driver.close()
        self._lanes, self._opened_ms = [], None


class _Lane:
    """Reads one device in a daemon thread, one read after the other."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.waiting = False
        self._asked: queue.SimpleQueue[Tick | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Reading | Exception] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="device", daemon=True).start()

    def ask(self, tick: Tick) -> bool:
        """Have the device read; False while it is still at an earlier read, whose answer is then as good."""
        if self.waiting:
            return False
        self.waiting = True
        self._asked.put(tick)
        return True

    def answer(self, within_s: float) -> Reading | Exception | None:
        """Return what it showed or why it could not; None when that does not come in time."""
        try:
            answer = self._answers.get(timeout=max(0.0, within_s))
        except queue.Empty:
            return None
        self.waiting = False
        return answer

    def end(self) -> None:
        """Let the thread end once the read under way, if any, has."""
        self._asked.put(None)

    def _run(self) -> None:
        while tick := self._asked.get():
            try:
                self._answers.put(self.device.read(tick))
            except Exception as error:  # noqa: BLE001  told by the thread that asked
                self._answers.put(error)


def one_line(error: Exception) -> str:
    """Return what an exception says, in one line for the operator."""
    text = " ".join(str(error).split())
    return f"{text or type(error).__name__}"[:200]

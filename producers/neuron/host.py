"""The Neuron devices of one machine: what the driver's files and neuron-monitor report of each, tick by tick.

A device is one that the driver shows or a report counts. What goes wrong with one costs the others nothing: it is a
problem, in one line, beside what could be read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import structlog

from producers.neuron.minutes import MINUTE_MS, Rectangle, Span, Timeline
from producers.neuron.monitor import Arrived, Monitor
from producers.neuron.sysfs import DEVICE, NeuronPowerError, Sysfs, Window
from producers.source import Tick
from schema.limits import MAX_AHEAD_MS

DRIVER: Final = "the driver is the package aws-neuronx-dkms"

_ONCE_WAITS_S: Final = 10.0
_MOST_NAMED: Final = 4
_RECENT_MS: Final = 120_000
"""How old a window may be for a single read to tell it."""
_STUCK_AFTER_MS: Final = 150_000
"""The driver closes a window each minute, with data or without: when one is older than this, the driver hangs. A
single look says so of all that it does not tell."""


@dataclass(frozen=True)
class Device:
    """One device. `chip` is the contract's name of it, `model` the catalogue's, None where the driver names none."""

    number: int
    chip: str
    model: str | None
    timeline: Timeline


@dataclass
class Told:
    """What one tick brought; `problems` are for the operator, each once and in order.

    `over` says that nothing more will come: reports have ended, and there is no driver to look at.
    """

    over: bool = False
    rectangles: list[tuple[Device, Rectangle]] = field(default_factory=list)
    problems: dict[str, None] = field(default_factory=dict)


class NeuronHost:
    """The machine called `name`. `monitor` is None to do without reports.

    `once` is when there is one look only, which waits for the first report for `once_waits_s`.
    """

    def __init__(
        self,
        name: str,
        sysfs: Sysfs,
        monitor: Monitor | None,
        *,
        once: bool = False,
        once_waits_s: float = _ONCE_WAITS_S,
    ) -> None:
        self.memory_total_bytes: int | None = None
        """Of each device, as the last report says."""
        self.reported_model: str | None = None
        self._name = name
        self._sysfs = sysfs
        self._monitor = monitor
        self._once = once
        self._once_waits_s = once_waits_s
        self._devices: dict[int, Device] = {}
        self._reported_ms = 0
        self._since_ms: int | None = None
        self._noticed: set[str] = set()

    def look(self, tick: Tick) -> Told:
        """Return what can be told at this tick."""
        if self._since_ms is None:  # what ended before was told by whoever ran before us
            self._since_ms = tick.ts_ms - (_RECENT_MS if self._once else 0)
        # Asked before the last reports are taken, so that none comes after the rest is reported.
        ended = self._monitor is not None and self._monitor.ended
        told = Told(over=ended and not self._sysfs.directory.is_dir())
        reports = self._reports(told)
        self._find(max((len(arrived.report.devices) for arrived in reports), default=0), told)
        for arrived in reports:
            self._spread(tick, arrived, told)
        for device in self._devices.values():
            told.rectangles += ((device, rectangle) for rectangle in self._step(device, tick, told))
            if self._once or told.over:
                told.rectangles += ((device, rectangle) for rectangle in device.timeline.rest(tick.ts_ms))
        return told

    def notice(self, text: str) -> None:
        """Log what the operator should know and is no failure, once."""
        if text not in self._noticed:
            self._noticed.add(text)
            structlog.get_logger().warning(text)

    def close(self) -> None:
        """End neuron-monitor."""
        if self._monitor is not None:
            self._monitor.close()

    def _reports(self, told: Told) -> list[Arrived]:
        if self._monitor is None:
            return []
        if self._once and not self._monitor.news.wait(self._once_waits_s):
            told.problems[f"{self._monitor.name} printed no report within {self._once_waits_s:g} s"] = None
        reports = self._monitor.take()
        if (trouble := self._monitor.trouble()) and not (self._once and reports):
            told.problems[trouble] = None
        return reports

    def _find(self, reported: int, told: Told) -> None:
        """Take up devices that were not there before."""
        numbers = set(range(reported))
        try:
            numbers.update(self._sysfs.devices())
        except OSError as error:
            told.problems[f"{self._sysfs.directory} cannot be read: {error.strerror}"] = None
        for number in sorted(numbers - self._devices.keys()):
            serial = self._sysfs.serial(number)
            taken = any(device.chip == serial for device in self._devices.values())
            chip = f"{self._name}/{number}" if serial is None or taken else serial
            timeline = Timeline(self._since_ms or 0)
            self._devices[number] = Device(number, chip, self._sysfs.model(number), timeline)
        if not self._devices and not told.problems and (self._monitor is None or self._once):
            told.problems[f"no Neuron device under {self._sysfs.directory}: {DRIVER}"] = None

    def _spread(self, tick: Tick, arrived: Arrived, told: Told) -> None:
        """Give each device its part of a report, for the time that none before it covers."""
        report = arrived.report
        self.memory_total_bytes, self.reported_model = report.memory_total_bytes, report.model
        if report.error:
            told.problems[f"neuron-monitor reports an error: {report.error}"] = None
        end_ms = min(arrived.ts_ms, tick.ts_ms) if self._once else arrived.ts_ms
        if self._reported_ms > end_ms + MAX_AHEAD_MS:  # the clock was set back
            self._reported_ms = 0
        start_ms = (self._reported_ms or end_ms) if report.period_s is None else end_ms - round(1000 * report.period_s)
        start_ms = max(start_ms, self._reported_ms)
        if start_ms < end_ms:
            for number, usage in enumerate(report.devices):
                self._devices[number].timeline.add(Span(start_ms, end_ms, usage))
        self._reported_ms = max(self._reported_ms, end_ms)

    def _step(self, device: Device, tick: Tick, told: Told) -> Iterator[Rectangle]:
        window, absent = None, False
        try:
            window = self._sysfs.power(device.number)
            absent = window is None
        except NeuronPowerError as error:
            told.problems[str(error)] = None
        if moved := self._sysfs.power_read_at.get(device.number):
            self.notice(f"the driver keeps its power files at neuron{DEVICE}/{moved}; reading them there")
        missing = self._missing(device, window, absent=absent)
        if missing and self._monitor is None:  # and nothing else is there to be reported
            told.problems[missing] = None
        elif missing:
            self.notice(missing)
        if window is not None and window.end_ms:
            age_ms = tick.ts_ms - window.end_ms
            if age_ms > _STUCK_AFTER_MS or (self._once and age_ms >= _RECENT_MS):
                told.problems[f"the power of neuron{device.number} does not change; check dmesg; {DRIVER}"] = None
            elif -age_ms > (MAX_AHEAD_MS if self._once else MINUTE_MS):
                told.problems[f"the power of neuron{device.number} has a time in the future; check the clock"] = None
        yield from device.timeline.step(tick.ts_ms, window, absent=absent)

    def _missing(self, device: Device, window: Window | None, *, absent: bool) -> str | None:
        """Say why the device has no power; None where it has, or is only known from reports of another machine."""
        if absent and (self._monitor is None or self._sysfs.shows(device.number)):
            path, alike = self._sysfs.power_path(device.number), self._sysfs.like_power(device.number)
            if len(alike) > 1:
                named = ", ".join(alike[:_MOST_NAMED])
                return f"{path} is missing, and several files match ({named}); choose one with --power-file"
            return f"{path} is missing, so watts are unknown; set its path with --power-file"
        if window is not None and not window.end_ms and (self._once or self._monitor is None):
            return "the driver has not completed a minute of power yet; watts are unknown until then"
        if window is not None and window.end_ms and not window.valid:
            return "the driver has no power data; watts are unknown until the firmware provides it"
        return None

"""From what a chip's energy counter and power sensor showed at each read to rectangles of energy.

Four things make this more than a subtraction. What is read may be a copy that is refreshed more seldom
than it is read (dcgm-exporter: every 30 s), so a value is dated by the tick at which it changed. A counter
starts again from nothing when the driver is loaded. It may show an older value now and then, and go on from
the newer one. And only a counter knows what happened while nobody looked: its difference spans a gap, a
sensor's reading does not.
"""

from dataclasses import dataclass
from typing import Final

from producers.source import Tick
from schema.checks import RANGES
from schema.limits import MAX_INTERVAL_MS, MAX_POWER_W

MAX_SENSOR_INTERVAL_MS: Final = 120_000
"""How long one sensor reading may stand for: longer than any usual refresh, short beside an outage."""
_STUCK_AFTER: Final = 3
"""Refreshes in which other values changed and the counter did not, after which it counts as broken.

Fewer would mistake an exporter that was read in the middle of its own refresh.
"""
_MAX_ENERGY_J: Final = RANGES["energy_j"][1]
_IMPLAUSIBLE: Final = 3.0
"""A first difference above this multiple of the sensor holds energy from before the first read."""
_STARTED_AGAIN_BELOW: Final = 0.5
"""A counter that falls below this share of its highest value started again; one above it stepped back, and is waited
for as long as one that is stuck (ROCm/amdsmi issue 115: some hundred joules lower, a second later)."""


@dataclass(frozen=True)
class Rectangle:
    """Mean power over the `interval_ms` that end at the tick; `watts` is None where nothing reports it."""

    interval_ms: int
    watts: float | None
    method: str | None


@dataclass(frozen=True)
class Sight:
    """What one read says of all that was read before it.

    `fresh` is whether anything changed; `followed` whether the tick before was read too; `since_ms` since when
    what is read now can be vouched for: the change before it, or the end of the last gap if that was later.
    """

    fresh: bool
    followed: bool
    since_ms: int


class Watch:
    """Dates what is read again and again by when it changed."""

    def __init__(self) -> None:
        self._content: object = None
        self._seen_ms: int | None = None
        self._changed_ms = 0
        self._unbroken_from_ms = 0

    def see_again(self, tick: Tick) -> None:
        """Note that a read showed what the one before it had shown."""
        self.see(tick, self._content)

    def see(self, tick: Tick, content: object) -> Sight:
        """Compare `content` with that of the read before. A tick whose read failed is not shown here."""
        previous_ms = tick.ts_ms - tick.interval_ms
        followed = self._seen_ms is not None and previous_ms - self._seen_ms <= tick.interval_ms // 2
        if not followed:
            self._unbroken_from_ms = previous_ms
        self._seen_ms = tick.ts_ms
        sight = Sight(content != self._content, followed, since_ms=max(self._unbroken_from_ms, self._changed_ms))
        if sight.fresh:
            self._content, self._changed_ms = content, tick.ts_ms
        return sight


def news(shown: object, energy_j: float | None, otherwise: object) -> object:
    """Return what a chip's `Watch` compares: what it showed, where an energy counter is in it, for that always counts.

    One that shows all the same then, to the last digit, is frozen, whatever its sensor says: NVIDIA/dcgm-exporter issue
    164. Without a counter a chip at rest may show the same for long, and `otherwise` stands for it.
    """
    return shown if energy_j else otherwise


class Meter:
    """The energy counter and the power sensor of one chip."""

    def __init__(self) -> None:
        self._energy_j: float | None = None
        self._energy_ms = 0
        self._dated = False
        self._started_again = False
        self._unmoved = 0
        self._below = 0
        self._below_since_ms = 0
        self._reported_ms = 0

    def step(self, tick: Tick, sight: Sight, energy_j: float | None, sensor_w: float | None) -> Rectangle | None:
        """Take one read; return what it adds, or None when there is nothing new.

        `energy_j` is the counter and `sensor_w` the sensor, None where the chip has none. A counter that shows what no
        counter does shows nothing.
        """
        if energy_j is not None and not 0 <= energy_j <= _MAX_ENERGY_J:
            energy_j = None
        sensor = self._sensor(tick, sensor_w, sight.since_ms)
        if energy_j is None:
            self._energy_j = None
            return self._report(tick, sensor) if sight.fresh else None
        known_j = self._energy_j
        if known_j is None:
            self._remember(tick, energy_j, dated=False)
            return self._report(tick, sensor)
        if energy_j == known_j:
            return self._not_moved(tick, energy_j, sensor) if sight.fresh else None
        if known_j * _STARTED_AGAIN_BELOW < energy_j < known_j:
            return self._stepped_back(tick, sight, energy_j, sensor_w)
        counted = self._counted(tick, energy_j - known_j, sensor_w)
        self._remember(tick, energy_j, dated=counted is not None or sight.followed)
        self._started_again = energy_j < known_j
        return self._report(tick, counted or sensor)

    def _stepped_back(self, tick: Tick, sight: Sight, energy_j: float, sensor_w: float | None) -> Rectangle | None:
        """Wait for the counter to come back to its highest value, whose time the next difference begins at."""
        if not sight.fresh:
            return None
        if not self._below or not sight.followed:
            self._below_since_ms = sight.since_ms
        self._below += 1
        if self._below < _STUCK_AFTER:
            return None
        self._remember(tick, energy_j, dated=sight.followed)
        return self._report(tick, self._sensor(tick, sensor_w, self._below_since_ms))

    def _not_moved(self, tick: Tick, energy_j: float, sensor: Rectangle) -> Rectangle | None:
        self._unmoved += 1
        if self._unmoved < _STUCK_AFTER:
            return None
        unmoved = self._unmoved
        self._remember(tick, energy_j, dated=False)
        self._unmoved = unmoved
        return self._report(tick, sensor)

    def _counted(self, tick: Tick, joules: float, sensor_w: float | None) -> Rectangle | None:
        """Return the difference as a rectangle, or None when it is not the energy of that time."""
        elapsed_ms = tick.ts_ms - self._energy_ms
        if joules < 0 or not 0 < elapsed_ms <= MAX_INTERVAL_MS:
            return None
        watts = joules * 1000 / elapsed_ms
        if watts > MAX_POWER_W:
            return None
        if not self._dated or self._started_again:
            too_much = sensor_w is not None and watts > _IMPLAUSIBLE * sensor_w
            if too_much or (not self._dated and elapsed_ms > tick.interval_ms):
                return None
        return Rectangle(elapsed_ms, watts, "counter")

    def _sensor(self, tick: Tick, sensor_w: float | None, since_ms: int) -> Rectangle:
        start_ms = max(since_ms, self._reported_ms, tick.ts_ms - MAX_SENSOR_INTERVAL_MS)
        interval_ms = tick.ts_ms - start_ms if start_ms < tick.ts_ms else tick.interval_ms
        return Rectangle(interval_ms, sensor_w, None if sensor_w is None else "sensor")

    def _remember(self, tick: Tick, energy_j: float, *, dated: bool) -> None:
        self._energy_j, self._energy_ms, self._dated = energy_j, tick.ts_ms, dated
        self._started_again = False
        self._unmoved = self._below = 0

    def _report(self, tick: Tick, rectangle: Rectangle) -> Rectangle:
        self._reported_ms = tick.ts_ms
        return rectangle

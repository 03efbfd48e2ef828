"""What single chips showed at one read, and the batch of samples that one host's chips make of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from producers.batches import build, fit_label
from producers.machine_name import machine_name
from producers.metering import Meter, Rectangle, Watch, news
from producers.source import Batch, Tick, Where
from schema.limits import MAX_POWER_W

_AGREE: Final = (0.5, 2.0)
_OVERSHOOT_PERCENT: Final = 101.0
_MOST_NAMED: Final = 3
_TEMPERATURES_C: Final = (-60.0, 250.0)
"""What the row checks accept, here and below: a value out of its range must not cost the row its watts."""
_FIELDS: Final = (
    "utilization",
    "tensor_utilization",
    "memory_used_bytes",
    "memory_total_bytes",
    "temperature_c",
    "throttle",
    "energy_j",
)


@dataclass(frozen=True)
class Chip:
    """Which chip a device is: its `name` is the contract's `chip`, stable and unique within the fleet."""

    name: str
    model: str


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one device showed at one read, in the contract's units; None where it shows nothing.

    `sensor_w` is its power sensor, `energy_j` its energy counter. `shown_at` is the device's own time of the reading,
    in any unit: a second one of the same time is a copy, and no news. `fault` tells the operator of what should have
    been there and could not be read.
    """

    energy_j: float | None = None
    sensor_w: float | None = None
    utilization: float | None = None
    tensor_utilization: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    temperature_c: float | None = None
    throttle: int | None = None
    shown_at: int | None = None
    fault: str | None = None


class Trial:
    """Believes an energy counter once it has told about as much as the sensor beside it, over all that both told.

    `believes` says whether it does. AMD's has been seen to stand still, or to run a hundred times too slow (MI100;
    ROCm/amdsmi issues 22 and 38).
    """

    def __init__(self, *, believes: bool) -> None:
        self.believes = believes
        self._counted_j = self._sensed_j = 0.0

    def step(self, tick: Tick, counted: Rectangle, sensor_w: float) -> Rectangle:
        """Return what to report: the counter's rectangle, or the sensor's for the period while there is doubt."""
        if counted.watts is not None and not self.believes:
            self._counted_j += counted.watts * counted.interval_ms / 1000
            self._sensed_j += sensor_w * counted.interval_ms / 1000
            low, high = _AGREE
            self.believes = low * self._sensed_j <= self._counted_j <= high * self._sensed_j
        if self.believes:
            return counted
        return Rectangle(min(counted.interval_ms, tick.interval_ms), sensor_w, "sensor")


class HostMeters:
    """The meters of one host's chips, and batches of what they say.

    `power_error_w` is one standard deviation of a measured power in watts, None where nobody has stated one. With
    `doubted` a chip's energy counter is believed only once it agrees with its sensor.
    """

    def __init__(self, where: Where, platform: str, *, power_error_w: float | None, doubted: bool = False) -> None:
        self.host = fit_label(where.host or machine_name())
        self._where = where
        self._platform = platform
        self._power_error_w = power_error_w
        self._doubted = doubted
        self._meters: dict[str, tuple[Watch, Meter, Trial]] = {}

    def batches(self, tick: Tick, told: Iterable[tuple[Chip, Reading]]) -> list[Batch]:
        """Return one batch of the chips that have something new, or none."""
        rows: list[tuple[Chip, Reading, Rectangle]] = []
        for chip, reading in told:
            known = self._meters.get(chip.name) or (Watch(), Meter(), Trial(believes=not self._doubted))
            watch, meter, trial = self._meters[chip.name] = known
            shown = news(reading, reading.energy_j, tick.ts_ms) if trial.believes else tick.ts_ms
            sight = watch.see(tick, shown if reading.shown_at is None else reading.shown_at)
            rectangle = meter.step(tick, sight, reading.energy_j, reading.sensor_w)
            if rectangle is None:
                continue
            if rectangle.method == "counter" and reading.sensor_w is not None:
                rectangle = trial.step(tick, rectangle, reading.sensor_w)
            rows.append((chip, reading, rectangle))
        return [self._batch(tick, rows)] if rows else []

    def forget(self, chip: Chip | None = None) -> None:
        """Forget the counter of a chip, or of all: it may have started again from nothing."""
        if chip is None:
            self._meters.clear()
        else:
            self._meters.pop(chip.name, None)

    def _batch(self, tick: Tick, rows: Sequence[tuple[Chip, Reading, Rectangle]]) -> Batch:
        columns: dict[str, Any] = {
            "ts": tick.ts_ms,
            "interval_ms": [rectangle.interval_ms for _, _, rectangle in rows],
            "site": self._where.site,
            "fleet": self._where.fleet,
            "platform": self._platform,
            "host": self.host,
            "model": [fit_label(chip.model) for chip, _, _ in rows],
            "chip": [fit_label(chip.name) for chip, _, _ in rows],
            "power_w": [rectangle.watts for _, _, rectangle in rows],
            "power_method": [rectangle.method for _, _, rectangle in rows],
            "power_error_w": [self._power_error_w if rectangle.method else None for _, _, rectangle in rows],
        }
        columns |= {name: [getattr(reading, name) for _, reading, _ in rows] for name in _FIELDS}
        return Batch(self.host, build(len(rows), columns))


def summary(failures: Sequence[str]) -> str:
    """Return one line for several failures, of which the first three are named."""
    more = f" (and {len(failures) - _MOST_NAMED} more)" if len(failures) > _MOST_NAMED else ""
    return f"{'; '.join(failures[:_MOST_NAMED])}{more}"


def within(value: object, low: float, high: float) -> float | None:
    """Return a number as it is; None for what is none, is not finite or lies outside of these limits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        return None
    return value


def watts(value: object) -> float | None:
    """Return a power in watts; 0 is what a sensor shows that is not there, for no chip that answers draws nothing."""
    return within(value, 0.0, MAX_POWER_W) or None


def share(percent: object) -> float | None:
    """Return a percentage as a share; a counter's rounding may overshoot 100 by a little."""
    value = within(percent, 0.0, _OVERSHOOT_PERCENT)
    return None if value is None else min(1.0, value / 100)


def hottest(*sensors_c: object) -> float | None:
    """Return the highest of these temperatures in degrees Celsius; None where no sensor shows one."""
    known = (within(celsius, *_TEMPERATURES_C) for celsius in sensors_c)
    return max((celsius for celsius in known if celsius is not None), default=None)

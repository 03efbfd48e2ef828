"""The power of one Redfish service's chassis, read again and again."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from producers.batches import build, fit_label
from producers.redfish.client import NoResourceError, Redfish
from producers.redfish.power import (
    Chassis,
    ChoiceError,
    Shown,
    chassis_of,
    environment_of,
    instead_of,
    members_of,
    named,
    next_page_of,
    outermost,
    power_of,
)
from producers.source import Batch, SourceError, Tick
from schema.limits import MAX_POWER_W

_CHASSIS: Final = "/redfish/v1/Chassis"
_MOST_CHASSIS: Final = 1000


def parts_of(name: str, watts: float) -> list[tuple[str, float]]:
    """Return names and watts of the samples that a reading becomes.

    That is one, or equal parts where it is above what a sample may say (10 kW, by the contract): the first has the
    name, the others have `NAME/2` and so on. The view `metered_series` takes them together again.
    """
    count = math.ceil(watts / MAX_POWER_W)
    return [(fit_label(f"{name}/{number}" if number > 1 else name), watts / count) for number in range(1, count + 1)]


class Meter:
    """What a service shows of the chassis in `names`, or of its outermost one with power.

    `labels` are those of its samples, `accuracy` is one standard deviation as a share of a reading, `beside` tells its
    chassis from those of other services of the same host or rack, `once` tells an average of before the first read.
    """

    default_period_s = 10.0
    """Management controllers are slow, and renew their readings every one to ten seconds."""

    def __init__(
        self,
        service: Redfish,
        labels: Mapping[str, str],
        names: Sequence[str],
        accuracy: float,
        *,
        beside: str = "",
        once: bool = False,
    ) -> None:
        self.service = service
        self._once = once
        self._labels = labels
        self._names = names
        self._accuracy = accuracy
        self._beside = beside
        self._chassis: list[Chassis] = []
        self._told_until_ms: dict[str, int] = {}
        self._since_ms: int | None = None

    def read(self, tick: Tick) -> list[Batch]:
        """Return the samples of the chassis; `SourceError` with them when one cannot be read or shows no power."""
        if not self._chassis:
            self._chassis = self._discovered()
        if self._since_ms is None:
            self._since_ms = 0 if self._once else tick.ts_ms - tick.interval_ms
        batches: list[Batch] = []
        without = []
        for chassis in list(self._chassis):
            try:
                shown = self._shown(chassis)
            except SourceError as error:
                raise SourceError(str(error), batches=batches) from error
            if not shown.any_power:
                without.append(f"{chassis.name}{instead_of(shown)}")
            elif (told := self._told(tick, chassis, shown, self._since_ms)) is not None:
                batches.append(told)
        if without:
            raise SourceError(f"{self.service.url} shows no power of chassis {', '.join(without)}", batches=batches)
        return batches

    def close(self) -> None:
        """Log out."""
        self.service.close()

    def _discovered(self) -> list[Chassis]:
        everyone = self._everyone()
        try:
            if self._names:
                return named(everyone, self._names)
            return [outermost(everyone, {one.path: self._shown(one) for one in everyone})]
        except ChoiceError as error:
            raise SourceError(f"{self.service.url} {error}") from error

    def _everyone(self) -> list[Chassis]:
        found: dict[str, Chassis] = {}
        page: str | None = _CHASSIS
        while page is not None and len(found) < _MOST_CHASSIS:
            collection = self.service.get(page)
            new = [path for path in members_of(collection) if path not in found][: _MOST_CHASSIS - len(found)]
            found |= {path: chassis_of(self.service.get(path), path) for path in new}
            page = next_page_of(collection) if new else None
        return list(found.values())

    def _shown(self, chassis: Chassis) -> Shown:
        shown = Shown()
        for path, parsed in ((chassis.environment, environment_of), (chassis.power, power_of)):
            if path is None or shown.power_w is not None:
                continue
            try:
                shown = shown.or_else(parsed(self.service.get(path)))
            except NoResourceError:
                self._chassis = []  # it may have become another one: look around again at the next read
        return shown

    def _told(self, tick: Tick, chassis: Chassis, shown: Shown, since_ms: int) -> Batch | None:
        """Return what a reading adds; None while the window of the service's own average has not gone by.

        Rectangles must not overlap: an average waits until all of its window lies after what was told before.
        """
        watts, interval_ms = shown.power_w, tick.interval_ms
        if watts is None:
            watts, interval_ms = shown.average_w or 0.0, shown.average_ms or 0
            if tick.ts_ms - interval_ms < self._told_until_ms.get(chassis.path, since_ms):
                return None
        self._told_until_ms[chassis.path] = tick.ts_ms
        parts = parts_of(f"meter/{self._beside}{chassis.name}", watts)
        columns = {
            **self._labels,
            "ts": tick.ts_ms,
            "interval_ms": interval_ms,
            "chip": [name for name, _ in parts],
            "power_w": [part_w for _, part_w in parts],
            "power_method": "meter",
            "power_error_w": [part_w * self._accuracy for _, part_w in parts],
            "energy_j": [shown.energy_j, *[None] * (len(parts) - 1)],
        }
        return Batch(self._labels["host"], build(len(parts), columns))

"""The power of one Redfish service's chassis, read again and again."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from producers.batches import build, fit_label
from producers.redfish.chassis import Chassis, ChoiceError, instead_of, last_of, named, names_of, outermost
from producers.redfish.client import Redfish
from producers.redfish.looker import Look, Looker
from producers.redfish.power import Shown
from producers.redfish.survey import Survey, survey, unasked
from producers.redfish.transport import ResourceError, SlowResourceError
from producers.source import Batch, SourceError, Tick
from schema.limits import MAX_POWER_W
from schema.said import Reasons

_RETRY_MS: Final = 60_000
_LONGEST_RETRY_MS: Final = 3_600_000
"""What could not be read is tried again after a minute, and after twice as long each time, up to an hour."""


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
        self._looker = Looker(service)
        self._chassis: list[Chassis] = []
        self._unread: dict[str, ResourceError] = {}
        self._slow: list[str] = []
        self._missing = ""
        self._retry_ms = _RETRY_MS
        self._retry_at_ms = 0
        self._said = Reasons()
        self._log = structlog.get_logger()
        self._told_until_ms: dict[str, int] = {}
        self._since_ms: int | None = None

    def read(self, tick: Tick) -> list[Batch]:
        """Return the samples of the chassis; `SourceError` with them when one cannot be read or shows no power."""
        if not self._chassis:
            self._discover(tick)
        if self._since_ms is None:
            self._since_ms = 0 if self._once else tick.ts_ms - tick.interval_ms
        batches: list[Batch] = []
        without = [self._missing] if self._missing else []
        counted: dict[str, str] = {}
        for chassis in list(self._chassis):
            try:
                look = self._look(chassis)
            except SourceError as error:
                raise SourceError(str(error), batches=batches) from error
            shown = look.shown
            twice = next((counted[part] for part in shown.parts if part in counted), None)
            counted |= dict.fromkeys(shown.parts, chassis.name)
            if twice is not None:
                without.append(f"{chassis.name} (it shares power supplies with {twice})")
            elif not shown.any_power:
                without.append(f"{chassis.name}{instead_of(shown)}")
            elif (told := self._told(tick, chassis, shown, self._since_ms)) is not None:
                batches.append(told)
        if self._unread and tick.ts_ms >= self._retry_at_ms:
            self._retry(tick)
        if without:
            raise SourceError(f"{self.service.url} reports no power of chassis {', '.join(without)}", batches=batches)
        return batches

    def close(self) -> None:
        """Log out."""
        self.service.close()

    def _discover(self, tick: Tick) -> None:
        """Find out which chassis to read. Raises `SourceError` when that cannot be known."""
        found = survey(self.service, self._names, slow=self._slow)
        try:
            chassis = self._named(found) if self._names else self._outermost(found)
        except ChoiceError as error:
            unread = [f"{last_of(path)} ({one.what})" for path, one in found.unread.items()]
            beside = f"; it does not report {names_of(unread)}" if unread else ""
            raise SourceError(f"{self.service.url} {error}{beside}") from error
        finally:
            self._slow = found.slow
        self._chassis, self._unread = chassis, found.unread
        self._retry_at_ms = tick.ts_ms + self._retry_ms
        for one in found.unread.values():
            self._say(one)

    def _outermost(self, found: Survey) -> list[Chassis]:
        shown = {}
        for one in sorted(found.chassis, key=lambda one: not one.paths.isdisjoint(self._slow)):
            if found.enough:
                found.unread[one.path] = unasked(self.service, one.path)
                continue
            look = self._look(one)
            shown[one.place] = look.shown
            if not look.shown.any_power:
                found.unread |= look.failures
        return [outermost(found.chassis, shown)]

    def _named(self, found: Survey) -> list[Chassis]:
        """Return those of the names that can be read; what is missing is an error beside their samples."""
        chassis = named(found.chassis, self._names)
        missing = [name for name in dict.fromkeys(self._names) if name not in {one.name for one in chassis}]
        if missing and not (chassis and found.unread):
            everyone = names_of([one.name for one in found.chassis])
            raise ChoiceError(f"has no chassis {' or '.join(missing)}: it has {everyone}")
        why = ", ".join(f"{last_of(path)} {one.what}" for path, one in found.unread.items())
        self._missing = f"{' or '.join(missing)}: of those that are listed, {why}" if missing else ""
        return chassis

    def _look(self, chassis: Chassis) -> Look:
        look = self._looker.look(chassis)
        if look.gone and not look.shown.any_power:
            self._chassis = []  # it may have become another one: look around again at the next read
        if look.shown.any_power:
            for error in look.failures.values():
                self._say(error)
        return look

    def _retry(self, tick: Tick) -> None:
        """Ask again for what could not be read; when any of it can be now, look around anew at the next read."""
        self._retry_ms = min(2 * self._retry_ms, _LONGEST_RETRY_MS)
        self._retry_at_ms = tick.ts_ms + self._retry_ms
        for path in self._unread:
            try:
                self.service.get(path)
            except SlowResourceError:
                return
            except ResourceError:
                continue
            except SourceError:
                return
            self._chassis, self._retry_ms = [], _RETRY_MS
            if self._said.clear():
                self._log.info("a part of a power meter can be read again")
            return

    def _say(self, error: ResourceError) -> None:
        if self._said.is_new(str(error)):
            self._log.warning("a part of a power meter cannot be read; continuing without it", reason=str(error))

    def _told(self, tick: Tick, chassis: Chassis, shown: Shown, since_ms: int) -> Batch | None:
        """Return what a reading adds; None while the window of the service's own average has not gone by.

        Rectangles must not overlap: an average waits until all of its window lies after what was reported before.
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

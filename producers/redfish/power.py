"""What Redfish resources say of the power that a chassis draws: pure functions from JSON objects."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from producers.redfish.client import Resource
from producers.redfish.supplies import listed, summed
from producers.redfish.values import number, reading, shown, thing, things

MAX_WATTS: Final = 1e7
"""A chassis that draws ten megawatts is none."""
_MAX_JOULES: Final = 1e18
_JOULES_PER_KWH: Final = 3.6e6
_MS_PER_MINUTE: Final = 60_000
_MAX_MINUTES: Final = 60
_MAX_SHOWN: Final = 40
_WHOLE: Final = (None, "Chassis")
_OEM_TOTALS: Final = (
    ("PowerConsumedWatts",),
    ("TotalPower",),  # Inspur: mrlhansen/idrac_exporter issue 173
    ("ChassisPowerConsumption", "CurrentPowerConsumptionW"),  # Fujitsu: the same, issue 121
)
"""Where vendors put the watts of the whole chassis below Oem and their name."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What was read of a chassis: watts now, mean watts of the last `average_ms`, and an energy counter in joules.

    `parts` are the power supplies whose inputs the watts are the sum of, none where the chassis tells them itself.
    `instead` is what was found where watts belong, for the operator.
    """

    power_w: float | None = None
    average_w: float | None = None
    average_ms: int | None = None
    energy_j: float | None = None
    parts: frozenset[str] = field(default=frozenset(), compare=False)
    instead: str | None = field(default=None, compare=False)

    @property
    def any_power(self) -> bool:
        """Whether it reports power at all."""
        return self.power_w is not None or self.average_w is not None

    def or_else(self, other: "Shown") -> "Shown":
        """Return this with what is missing taken from the other one."""
        now = self if self.power_w is not None else other
        average = self if self.average_w is not None else other
        return Shown(
            power_w=now.power_w,
            average_w=average.average_w,
            average_ms=average.average_ms,
            energy_j=self.energy_j if self.energy_j is not None else other.energy_j,
            parts=now.parts,
            instead="; ".join(dict.fromkeys(filter(None, (self.instead, other.instead)))) or None,
        )


def environment_of(resource: Resource) -> Shown:
    """Return what EnvironmentMetrics say: PowerWatts is "the total power" of the chassis."""
    joules = reading(resource, "EnergyJoules", _MAX_JOULES)
    kwh = reading(resource, "EnergykWh", _MAX_JOULES / _JOULES_PER_KWH)
    if joules is None and kwh is not None:
        joules = kwh * _JOULES_PER_KWH
    power_w = reading(resource, "PowerWatts", MAX_WATTS)
    instead = None if power_w is not None else _instead(shown(resource, "PowerWatts"))
    return Shown(power_w=power_w, energy_j=joules, instead=instead)


def power_of(resource: Resource, path: str = "") -> Shown:
    """Return what Power at `path` says, the schema that came before.

    Members of PowerControl are never added up. By the schema each one's PowerConsumedWatts is what "the chassis
    consumes"; where there are several, the first is the whole, and others are parts of it that name their
    PhysicalContext (CPU, Memory): the first that names none but the chassis is taken. A vendor's total stands in for
    it, and where neither is reported, now or as an average, the sum of what the power supplies take in.
    """
    members = things(resource.get("PowerControl"))
    whole = next((one for one in members if one.get("PhysicalContext") in _WHOLE), members[0] if members else {})
    told = _controlled(whole)
    if told.power_w is None:
        told = told.or_else(Shown(power_w=_oem_total(whole) or _oem_total(resource)))
    if told.any_power:
        return told
    total = summed(listed(resource, path), MAX_WATTS)
    return told.or_else(Shown(power_w=total.watts, parts=total.parts, instead=total.instead))


def _controlled(whole: Mapping[str, Any]) -> Shown:
    consumed = whole.get("PowerConsumedWatts")
    power_w = number(consumed, MAX_WATTS)
    metrics = thing(whole.get("PowerMetrics"))
    average_w = number(metrics.get("AverageConsumedWatts"), MAX_WATTS)
    minutes = number(metrics.get("IntervalInMin"), _MAX_MINUTES)
    if average_w is None or minutes is None or minutes < 1:
        average_w = minutes = None
    return Shown(
        power_w=power_w,
        average_w=average_w,
        average_ms=None if minutes is None else round(minutes * _MS_PER_MINUTE),
        instead=None if power_w is not None else _instead(consumed),
    )


def _oem_total(resource: Mapping[str, Any]) -> float | None:
    """Return the total that a vendor tells below Oem; None where there is none, or several that differ."""
    totals = set()
    for vendor in thing(resource.get("Oem")).values():
        for *outer, name in _OEM_TOTALS:
            inside = thing(vendor)
            for key in outer:
                inside = thing(inside.get(key))
            totals.add(number(inside.get(name), MAX_WATTS))
    totals.discard(None)
    return totals.pop() if len(totals) == 1 else None


def _instead(value: Any) -> str | None:
    """Say what a value is that was to be watts and is none; None where there is none."""
    if value is None:
        return None
    told = "no number" if isinstance(value, (dict, list)) else json.dumps(value)[:_MAX_SHOWN]
    return f"whose power is {told}; it must be a number above 0"

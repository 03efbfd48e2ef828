"""What Redfish resources say of chassis and of the power that they draw: pure functions from JSON objects.

Nothing in a resource is sure to be there, or to be of the type that it should be (DMTF DSP0268 makes nearly everything
optional or nullable): what is not there, null, of another type or out of any range counts as not told.
"""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from producers.redfish.client import Resource, path_of

MAX_WATTS: Final = 1e7
"""A chassis that draws ten megawatts is none."""
_MAX_JOULES: Final = 1e18
_JOULES_PER_KWH: Final = 3.6e6
_MS_PER_MINUTE: Final = 60_000
_MAX_MINUTES: Final = 60
_MAX_SHOWN: Final = 40
_WHOLE: Final = (None, "Chassis")


class ChoiceError(ValueError):
    """Nothing tells which chassis to read; the message, which goes on after the service's address, says what to do."""


@dataclass(frozen=True, kw_only=True)
class Chassis:
    """One chassis: its id and path, in which other it stands, and where it tells of power; None where it does not."""

    name: str
    path: str
    within: str | None = None
    environment: str | None = None
    power: str | None = None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What was read of a chassis: watts now, mean watts of the last `average_ms`, and an energy counter in joules.

    `instead` is what stood where watts belong and is none, for the operator.
    """

    power_w: float | None = None
    average_w: float | None = None
    average_ms: int | None = None
    energy_j: float | None = None
    instead: str | None = field(default=None, compare=False)

    @property
    def any_power(self) -> bool:
        """Whether it tells of power at all."""
        return self.power_w is not None or self.average_w is not None

    def or_else(self, other: "Shown") -> "Shown":
        """Return this with what is missing taken from the other one."""
        average = self if self.average_w is not None else other
        return Shown(
            power_w=self.power_w if self.power_w is not None else other.power_w,
            average_w=average.average_w,
            average_ms=average.average_ms,
            energy_j=self.energy_j if self.energy_j is not None else other.energy_j,
            instead=self.instead or other.instead,
        )


def members_of(collection: Resource) -> list[str]:
    """Return the paths of a collection's members."""
    members = collection.get("Members")
    found = [_link(member) for member in members] if isinstance(members, list) else []
    return [path for path in found if path is not None]


def next_page_of(collection: Resource) -> str | None:
    """Return where a collection goes on, for a service that does not tell all members at once."""
    return path_of(collection.get("Members@odata.nextLink"))


def chassis_of(resource: Resource, path: str) -> Chassis:
    """Return the chassis that the resource at `path` is."""
    links = resource.get("Links")
    name = resource.get("Id")
    if not isinstance(name, str) or not name.strip():
        name = unquote(path.rstrip("/").rsplit("/", 1)[-1])
    return Chassis(
        name=name.replace("/", "_"),
        path=path,
        within=_link(links.get("ContainedBy")) if isinstance(links, dict) else None,
        environment=_link(resource.get("EnvironmentMetrics")),
        power=_link(resource.get("Power")),
    )


def environment_of(resource: Resource) -> Shown:
    """Return what EnvironmentMetrics say: PowerWatts is "the total power" of the chassis."""
    joules = _reading(resource, "EnergyJoules", _MAX_JOULES)
    kwh = _reading(resource, "EnergykWh", _MAX_JOULES / _JOULES_PER_KWH)
    if joules is None and kwh is not None:
        joules = kwh * _JOULES_PER_KWH
    power_w = _reading(resource, "PowerWatts", MAX_WATTS)
    return Shown(power_w=power_w, energy_j=joules, instead=_instead(power_w, _excerpt(resource, "PowerWatts")))


def power_of(resource: Resource) -> Shown:
    """Return what Power says, the schema that came before.

    Members of PowerControl are never added up. By the schema each one's PowerConsumedWatts is what "the chassis
    consumes"; where there are several, the first is the whole, and others are parts of it that name their
    PhysicalContext (CPU, Memory): the first that names none but the chassis is taken.
    """
    controls = resource.get("PowerControl")
    members = [one for one in controls if isinstance(one, dict)] if isinstance(controls, list) else []
    whole = next((one for one in members if one.get("PhysicalContext") in _WHOLE), members[0] if members else {})
    metrics = whole.get("PowerMetrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    power_w = _number(whole.get("PowerConsumedWatts"), MAX_WATTS)
    instead = _instead(power_w, whole.get("PowerConsumedWatts"))
    average_w = _number(metrics.get("AverageConsumedWatts"), MAX_WATTS)
    minutes = _number(metrics.get("IntervalInMin"), _MAX_MINUTES)
    if average_w is None or minutes is None or minutes < 1:
        return Shown(power_w=power_w, instead=instead)
    return Shown(power_w=power_w, average_w=average_w, average_ms=round(minutes * _MS_PER_MINUTE), instead=instead)


def named(chassis: Sequence[Chassis], names: Sequence[str]) -> list[Chassis]:
    """Return the chassis of these names. Raises `ChoiceError` for one that is not there, or inside another of them."""
    by_name = {one.name: one for one in chassis}
    if missing := [name for name in names if name not in by_name]:
        raise ChoiceError(f"has no chassis {' or '.join(missing)}: it has {_listed(by_name)}")
    found = [by_name[name] for name in dict.fromkeys(names)]
    for one in found:
        if around := _around(one, chassis) & {other.path for other in found}:
            outer = next(other.name for other in found if other.path in around)
            raise ChoiceError(f"has chassis {one.name} inside {outer}: with both, --chassis would count it twice")
    return found


def outermost(chassis: Sequence[Chassis], shown: Mapping[str, Shown]) -> Chassis:
    """Return the one chassis that tells of power, by what is `shown` at its path, and stands in no other that does.

    Raises `ChoiceError` when there is none, or several: the meter of a host and those of its boards are often side by
    side without a link from one to the other, and their sum would count most of it twice.
    """
    powered = {path for path, one in shown.items() if one.any_power}
    found = [one for one in chassis if one.path in powered and not _around(one, chassis) & powered]
    if not found:
        said = [f"{one.name}{instead_of(shown.get(one.path, Shown()))}" for one in chassis]
        raise ChoiceError(f"has no chassis that shows power: it has {_listed(said)}")
    if len(found) > 1:
        names = [one.name for one in found]
        raise ChoiceError(f"shows the power of {_listed(names)}, none inside another: say with --chassis which to add")
    return found[0]


def _around(one: Chassis, chassis: Sequence[Chassis]) -> set[str]:
    """Return the paths of all chassis that this one stands in."""
    within = {other.path: other.within for other in chassis}
    around: set[str] = set()
    outer = one.within
    while outer is not None and outer not in around and outer != one.path:
        around.add(outer)
        outer = within.get(outer)
    return around


def _listed(names: Collection[str]) -> str:
    return ", ".join(names) or "none at all"


def _link(value: object) -> str | None:
    path = path_of(value.get("@odata.id")) if isinstance(value, dict) else None
    return path.rstrip("/") or None if path else None


def _reading(resource: Resource, name: str, most: float) -> float | None:
    return _number(_excerpt(resource, name), most)


def _excerpt(resource: Resource, name: str) -> Any:
    excerpt = resource.get(name)
    return excerpt.get("Reading") if isinstance(excerpt, dict) else None


def _instead(power_w: float | None, value: Any) -> str | None:
    """Return how a value reads that was to be watts and is none; None where there is none, or no value at all."""
    if power_w is not None or value is None:
        return None
    return "no number" if isinstance(value, (dict, list)) else json.dumps(value)[:_MAX_SHOWN]


def instead_of(shown: Shown) -> str:
    """Say, behind the name of a chassis, what it shows that is no power."""
    return f" (whose power is {shown.instead}, and must be a number above 0)" if shown.instead else ""


def _number(value: Any, most: float) -> float | None:
    """Return a number above 0: services show a 0 for what they do not know, and none that answers draws no power."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= most:
        return None
    return float(value) if math.isfinite(value) else None

"""Chassis of a Redfish service, and which of them is read: pure functions."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from producers.redfish.address import path_of, place_of
from producers.redfish.client import Resource
from producers.redfish.power import Shown
from producers.redfish.values import link, thing, things

_MOST_LISTED: Final = 12


class ChoiceError(ValueError):
    """Nothing tells which chassis to read; the message, which goes on after the service's address, says what to do."""


@dataclass(frozen=True, kw_only=True)
class Chassis:
    """One chassis: its id and path, in which other it stands, and where it reports power; None where it does not.

    All paths are as the service gave them; `place` is what tells this chassis from others.
    """

    name: str
    path: str
    within: str | None = None
    environment: str | None = None
    power: str | None = None
    subsystem: str | None = None

    @property
    def place(self) -> str:
        """Its path, however that is written."""
        return place_of(self.path)

    @property
    def paths(self) -> set[str]:
        """The paths of the resources that report its power."""
        return {path for path in (self.environment, self.power, self.subsystem) if path is not None}

    @property
    def tellers(self) -> set[str]:
        """The places of these resources."""
        return set(map(place_of, self.paths))


def members_of(collection: Resource) -> list[str]:
    """Return the paths of a collection's members, as they are given, each once."""
    members = collection.get("Members")
    found = [link(member) for member in (members if isinstance(members, list) else things(members))]
    return list({place_of(path): path for path in reversed(found) if path is not None}.values())[::-1]


def next_page_of(collection: Resource) -> str | None:
    """Return where a collection goes on, for a service that does not tell all members at once."""
    return path_of(collection.get("Members@odata.nextLink"))


def chassis_of(resource: Resource, path: str) -> Chassis:
    """Return the chassis that the resource at `path` is."""
    name = resource.get("Id")
    if not isinstance(name, str) or not name.strip():
        name = last_of(path)
    return Chassis(
        name=name.replace("/", "_"),
        path=path,
        within=link(thing(resource.get("Links")).get("ContainedBy")),
        environment=link(resource.get("EnvironmentMetrics")),
        power=link(resource.get("Power")),
        subsystem=link(resource.get("PowerSubsystem")),
    )


def last_of(path: str) -> str:
    """Return the last name in a path, which mostly is the Id of what is there."""
    return unquote(path.rstrip("/").rsplit("/", 1)[-1])


def named(chassis: Sequence[Chassis], names: Iterable[str]) -> list[Chassis]:
    """Return the chassis of these names that are there; raises `ChoiceError` where one would be counted twice."""
    by_name = {one.name: one for one in chassis}
    found = [by_name[name] for name in dict.fromkeys(names) if name in by_name]
    for one in found:
        if around := around_it(one, chassis) & {other.place for other in found}:
            outer = next(other.name for other in found if other.place in around)
            raise ChoiceError(f"has chassis {one.name} inside {outer}; with both, --chassis would count it twice")
        if same := [other.name for other in found if other is not one and other.tellers & one.tellers]:
            raise ChoiceError(
                f"reports the power of {one.name} and {same[0]} in one place; with both, --chassis would count it twice"
            )
    return found


def outermost(chassis: Sequence[Chassis], shown: Mapping[str, Shown]) -> Chassis:
    """Return the one chassis that reports power, by what is `shown` of its place, and stands in no other that does.

    Of several that show the power of one resource, or sums of the same power supplies, the largest is taken, and the
    first of equals. One that tells its power goes before one of which it is only known what its supplies take in.

    Raises `ChoiceError` when there is none, or several: the meter of a host and those of its boards are often side by
    side without a link from one to the other, and their sum would count most of it twice.
    """
    powered = {place for place, one in shown.items() if one.any_power}
    found = [one for one in chassis if one.place in powered and not around_it(one, chassis) & powered]
    if not found:
        said = [f"{one.name}{instead_of(shown.get(one.place, Shown()))}" for one in chassis]
        raise ChoiceError(f"has no chassis that reports power; it has {names_of(said)}")
    found = [one for one in found if not shown[one.place].parts] or found
    found = [one for index, one in enumerate(found) if not _is_told_by_another(one, index, found, shown)]
    if len(found) > 1:
        names = names_of([one.name for one in found])
        raise ChoiceError(f"reports the power of {names}, none inside another; choose with --chassis which to add up")
    return found[0]


def around_it(one: Chassis, chassis: Sequence[Chassis]) -> set[str]:
    """Return the places of all chassis that this one stands in."""
    within = {other.place: other.within for other in chassis}
    around: set[str] = set()
    outer = one.within
    while outer is not None and (place := place_of(outer)) not in around and place != one.place:
        around.add(place)
        outer = within.get(place)
    return around


def names_of(names: Collection[str]) -> str:
    """List names for the operator."""
    listed = [*names][:_MOST_LISTED]
    more = [f"and {len(names) - len(listed)} more"] if len(names) > len(listed) else []
    return ", ".join(listed + more) or "none at all"


def instead_of(shown: Shown) -> str:
    """Say, behind the name of a chassis, what it shows that is no power."""
    return f" ({shown.instead})" if shown.instead else ""


def _is_told_by_another(one: Chassis, index: int, found: Sequence[Chassis], shown: Mapping[str, Shown]) -> bool:
    parts = shown[one.place].parts
    for other_index, other in enumerate(found):
        theirs = shown[other.place].parts
        if other is one:
            continue
        if one.tellers & other.tellers and not parts - theirs and (other_index < index or theirs - parts):
            return True
        if parts and parts <= theirs and (parts < theirs or other_index < index):
            return True
    return False

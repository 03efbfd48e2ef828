"""What chassis a service has. One that cannot be read costs itself alone."""

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from producers.redfish.address import place_of
from producers.redfish.chassis import Chassis, chassis_of, last_of, members_of, next_page_of
from producers.redfish.client import ROOT, NoResourceError, Redfish, Resource
from producers.redfish.transport import ResourceError, SlowResourceError
from producers.redfish.values import link

_CHASSIS: Final = "/redfish/v1/Chassis"
_MOST_CHASSIS: Final = 1000
_MOST_SLOW: Final = 3
"""After so many resources that did not come in time no more are asked for: the others are read again and again."""


@dataclass
class Survey:
    """What was found: the chassis that can be read, and by their paths what cannot, and why."""

    chassis: list[Chassis] = field(default_factory=list)
    unread: dict[str, ResourceError] = field(default_factory=dict)

    @property
    def slow(self) -> list[str]:
        """What did not come in time."""
        return [path for path, error in self.unread.items() if isinstance(error, SlowResourceError)]

    @property
    def enough(self) -> bool:
        """Whether so much did not come in time that no more is to be asked for."""
        return len(self.slow) >= _MOST_SLOW


def survey(service: Redfish, names: Sequence[str] = (), *, slow: Collection[str] = ()) -> Survey:
    """Return the chassis of a service; where `names` has one name alone, those up to the chassis of that name.

    Those that seem to be meant are asked for first, so that they need no other to be readable; those that were `slow`
    before come last. Raises `SourceError` when the service cannot be asked, or shows no collection of chassis.
    """
    found = Survey()
    members = _members(service, found)
    for path in sorted(members, key=lambda path: (last_of(path) not in names, path in slow))[:_MOST_CHASSIS]:
        if found.enough:
            found.unread[path] = unasked(service, path)
            continue
        try:
            found.chassis.append(chassis_of(service.get(path), path))
        except ResourceError as error:
            found.unread[path] = error
        if len(set(names)) == 1 and found.chassis and found.chassis[-1].name == names[0]:
            break
    order = {path: index for index, path in enumerate(members)}
    found.chassis.sort(key=lambda one: order[one.path])
    return found


def unasked(service: Redfish, path: str) -> ResourceError:
    """Return why a resource was not asked for."""
    return ResourceError(f"{service.url}{path}", "was not requested, because other requests timed out")


def _members(service: Redfish, found: Survey) -> list[str]:
    """Return the paths of all chassis; of a collection in pages, up to the first page that cannot be read."""
    members: dict[str, str] = {}
    page: str | None = _CHASSIS
    while page is not None and len(members) < _MOST_CHASSIS:
        try:
            collection = service.get(page) if page != _CHASSIS else _collection(service)
        except ResourceError as error:
            if not members:
                raise
            found.unread[page] = error
            break
        new = {place_of(path): path for path in members_of(collection) if place_of(path) not in members}
        members |= new
        page = next_page_of(collection) if new else None
    return list(members.values())


def _collection(service: Redfish) -> Resource:
    """Return the collection of chassis from its usual place, else from where the service's root says that it is.

    Where that says nothing, it may be there with a slash at its end.
    """
    try:
        return service.get(_CHASSIS)
    except NoResourceError as missing:
        path = None
        with contextlib.suppress(ResourceError):
            path = link(service.get(ROOT).get("Chassis"))
        try:
            return service.get(path or f"{_CHASSIS}/")
        except NoResourceError:
            raise missing from None

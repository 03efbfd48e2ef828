"""What a chassis shows of its power, looked at again and again: by the first of its resources that tells it."""

from dataclasses import dataclass, field, replace
from typing import Final

from producers.redfish.address import place_of
from producers.redfish.chassis import Chassis, last_of, members_of, next_page_of
from producers.redfish.client import NoResourceError, Redfish
from producers.redfish.power import MAX_WATTS, Shown, environment_of, power_of
from producers.redfish.supplies import ABSENT, Supply, input_of, summed, supply_of
from producers.redfish.transport import ResourceError, SlowResourceError
from producers.redfish.values import link

_MOST_SUPPLIES: Final = 100


@dataclass
class Look:
    """What a chassis showed, what of it could not be read by its path, and whether anything of it is gone."""

    shown: Shown = field(default_factory=Shown)
    failures: dict[str, ResourceError] = field(default_factory=dict)
    gone: bool = False


class Looker:
    """Looks at chassis of one service, asking for what it needs and nothing else."""

    def __init__(self, service: Redfish) -> None:
        self._service = service
        self._collections: dict[str, str] = {}
        self._known: dict[str, tuple[Supply, str]] = {}

    def look(self, chassis: Chassis) -> Look:
        """Return what a chassis shows. Raises `SourceError` when the service cannot be asked at all.

        EnvironmentMetrics go before Power, and Power before the supplies of PowerSubsystem: these are the same ones.
        """
        look = Look()
        answered, failed = [], []
        for name, path in (
            ("EnvironmentMetrics", chassis.environment),
            ("Power", chassis.power),
            ("PowerSubsystem", chassis.subsystem),
        ):
            told = look.shown.any_power if name == "PowerSubsystem" else look.shown.power_w is not None
            if path is None or told:
                continue
            try:
                look.shown = look.shown.or_else(self._told(name, path))
                answered.append(name)
            except ResourceError as error:
                gone = isinstance(error, NoResourceError)
                look.gone |= gone
                look.failures[path] = error
                failed.append(f"whose {name} {'is not there' if gone else error.what}")
        if not look.shown.any_power:
            without = f"which reports no watts in {' and '.join(answered)}" if answered else "which links to no power"
            said = look.shown.instead or (without if answered or not failed else None)
            look.shown = replace(look.shown, instead="; ".join([*filter(None, [said]), *failed]))
        return look

    def _told(self, name: str, path: str) -> Shown:
        if name == "PowerSubsystem":
            total = summed(self._supplies(path), MAX_WATTS)
            return Shown(power_w=total.watts, parts=total.parts, instead=total.instead)
        resource = self._service.get(path)
        return environment_of(resource) if name == "EnvironmentMetrics" else power_of(resource, path)

    def _supplies(self, subsystem: str) -> list[Supply]:
        """Return the supplies of a PowerSubsystem, those that were plugged in meanwhile as well."""
        page: str | None = self._collections.get(subsystem) or link(self._service.get(subsystem).get("PowerSupplies"))
        if page is not None:
            self._collections[subsystem] = page
        members: dict[str, str] = {}
        while page is not None and len(members) < _MOST_SUPPLIES:
            try:
                collection = self._service.get(page)
            except NoResourceError:
                del self._collections[subsystem]
                raise
            new = {place_of(path): path for path in members_of(collection) if place_of(path) not in members}
            members |= new
            page = next_page_of(collection) if new else None
        return [self._supply(path) for path in list(members.values())[:_MOST_SUPPLIES]]

    def _supply(self, path: str) -> Supply:
        """Return one supply; while its metrics tell what it takes in, these alone are asked for: they are what changes.

        Raises `SlowResourceError`: a service that is slow is not asked for the next one.
        """
        supply, metrics = self._known.pop(path, (Supply(name=last_of(path), place=place_of(path)), None))
        if metrics is not None:
            supply = self._metered(supply, metrics)
        if supply.input_w is None:
            try:
                resource = self._service.get(path)
            except SlowResourceError:
                raise
            except ResourceError as error:
                return replace(supply, trouble=error.what)
            supply, metrics = supply_of(resource, path), link(resource.get("Metrics"))
            if supply.input_w is not None or supply.state == ABSENT or metrics is None:
                return supply
            supply = self._metered(supply, metrics)
        if metrics is not None and supply.input_w is not None:
            self._known[path] = supply, metrics
        return supply

    def _metered(self, supply: Supply, metrics: str) -> Supply:
        """Return the supply with what its metrics say that it takes in, or why they do not."""
        try:
            told = input_of(self._service.get(metrics))
        except SlowResourceError:
            raise
        except ResourceError as error:
            return replace(supply, input_w=None, trouble=error.what)
        return replace(supply, input_w=told)

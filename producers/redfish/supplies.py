"""What the power supplies of a chassis take in, which is what it draws: pure functions from JSON objects to one sum.

The sum is known when the input of every supply is. One that is Absent has none, whatever else is shown of it; one that
is Disabled or UnavailableOffline (DMTF DSP0268, Status.State) and shows no input takes none in. A 0 is a reading beside
others: redundant supplies rest. What a supply gives out (PowerOutputWatts) is less than what it takes in, and its
capacity is no reading: neither stands in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from producers.redfish.address import path_of, place_of
from producers.redfish.client import Resource
from producers.redfish.values import reading, thing, things

_INPUTS: Final = ("PowerInputWatts", "InputPowerWatts")
_MAX_SUPPLY_W: Final = 1e6
ABSENT: Final = "absent"
_OFF: Final = ("disabled", "unavailableoffline")
_MOST_NAMED: Final = 3
_MAX_NAME: Final = 40


@dataclass(frozen=True, kw_only=True)
class Supply:
    """One power supply: its name, where it is shown, its serial number, its state and the watts that it takes in.

    `trouble` says why nothing is known of it.
    """

    name: str
    place: str
    serial: str = ""
    input_w: float | None = None
    state: str = ""
    trouble: str = "reports no input power"


@dataclass(frozen=True)
class Total:
    """What supplies take in together, and what tells them from others; None with the reason where it is not known."""

    watts: float | None = None
    parts: frozenset[str] = frozenset()
    instead: str | None = None


def listed(power: Resource, path: str) -> list[Supply]:
    """Return the supplies that Power at `path` lists."""
    members = things(power.get("PowerSupplies"))
    return [supply_of(member, f"{path}#/PowerSupplies/{index}") for index, member in enumerate(members)]


def supply_of(resource: Resource, path: str) -> Supply:
    """Return the supply that is shown at `path`."""
    said = resource.get("@odata.id")
    name = next((text for key in ("MemberId", "Id", "Name") if (text := _text(resource.get(key)))), "")
    return Supply(
        name=name or place_of(path).rsplit("/", 1)[-1],
        # Members of one list differ behind the # alone, and where they do not, by their name.
        place=place_of(said) if isinstance(said, str) and path_of(said) else place_of(path),
        serial=_serial(resource),
        input_w=input_of(resource),
        state=_text(thing(resource.get("Status")).get("State")).lower(),
    )


def summed(supplies: Sequence[Supply], most_w: float) -> Total:
    """Return what these supplies take in together; one that is listed twice counts once."""
    listed_once = {(one.place, one.name, one.serial): one for one in supplies}
    present = [one for one in listed_once.values() if one.state != ABSENT]
    if unknown := [one for one in present if one.input_w is None and one.state not in _OFF]:
        names = [f"{one.name} {one.trouble}" for one in unknown[:_MOST_NAMED]]
        more = [f"{len(unknown) - _MOST_NAMED} more"] if len(unknown) > _MOST_NAMED else []
        return Total(instead=f"of whose {len(present)} power supplies {', '.join(names + more)}")
    watts = sum(one.input_w or 0.0 for one in present)
    if not present or not 0 < watts <= most_w:
        return Total(instead=f"whose power supplies report {watts:g} W of input power" if present else None)
    serials = {one.serial for one in present}
    by_serial = "" not in serials and len(serials) == len(present)  # some makers give all of them one number
    return Total(watts, frozenset(serials if by_serial else (f"{one.place} {one.name}" for one in present)))


def input_of(resource: Resource) -> float | None:
    """Return the watts that a supply, or its metrics, say that it takes in: by either schema's name, else below Oem."""
    if (own := _plain_input_w(resource)) is not None:
        return own
    # Vendors that differ tell nothing.
    vendors = {_plain_input_w(thing(vendor)) for vendor in thing(resource.get("Oem")).values()} - {None}
    return vendors.pop() if len(vendors) == 1 else None


def _plain_input_w(resource: Mapping[str, Any]) -> float | None:
    told = (reading(resource, name, _MAX_SUPPLY_W, or_zero=True) for name in _INPUTS)
    return next((watts for watts in told if watts is not None), None)


def _serial(resource: Mapping[str, Any]) -> str:
    """Return maker, part and serial number; empty where there is no number, as in N/A and 0000."""
    serial = _text(resource.get("SerialNumber"))
    told = any(character in "123456789" for character in serial)
    return " ".join(_text(resource.get(key)) for key in ("Manufacturer", "PartNumber", "SerialNumber")) if told else ""


def _text(value: Any) -> str:
    return str(value).strip()[:_MAX_NAME] if isinstance(value, (str, int)) and not isinstance(value, bool) else ""

"""Values of Redfish resources, taken as they are meant: pure functions.

Nothing in a resource is sure to be there, or to be of the type that it should be (DMTF DSP0268 makes nearly everything
optional or nullable). What means one thing only is taken: a number as text, one object where a list of them should be,
a list of one where an object should be, a bare reading, a bare link. What is not there, null, of another type or out of
any range counts as not reported.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from producers.redfish.address import path_of

_NUMBER: Final = re.compile(r"\s*([+-]?[0-9]{1,18}(?:\.[0-9]{0,18})?(?:[eE][+-]?[0-9]{1,2})?)\s*")


def thing(value: Any) -> Mapping[str, Any]:
    """Return an object; an empty one where there is none, or several."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else {}


def things(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list; what is none of them is passed over."""
    if isinstance(value, dict):
        return [value]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def link(value: Any) -> str | None:
    """Return the path that a link leads to, as it is given: with its slash at the end, or without."""
    return path_of(value if isinstance(value, str) else thing(value).get("@odata.id"))


def number(value: Any, most: float, *, or_zero: bool = False) -> float | None:
    """Return a number above 0: services show a 0 for what they do not know. `or_zero` takes that 0 as well."""
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value)
        value = float(match[1]) if match else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        return None
    if not math.isfinite(value) or (value == 0 and not or_zero):
        return None
    return float(value)


def shown(resource: Mapping[str, Any], name: str) -> Any:
    """Return what stands as the Reading of a sensor's excerpt, whatever that is."""
    value = resource.get(name)
    return thing(value).get("Reading") if isinstance(value, (dict, list)) else value


def reading(resource: Mapping[str, Any], name: str, most: float, *, or_zero: bool = False) -> float | None:
    """Return the Reading of a sensor's excerpt as a number."""
    return number(shown(resource, name), most, or_zero=or_zero)

"""The conditions that a dashboard's variables set, put in where a query says so.

    @fleets   of views of fleets, which know no model: a chosen model picks the fleets that had it in the range
    @chips    of views that know the model

The rest of a query stands as it is sent, with Grafana's macros and variables. All of them are relative to the
dashboard's time range, so that last week's range shows what was to be seen then.
"""

# ruff: noqa: S608  queries are made of our own text

import re
from collections.abc import Mapping
from textwrap import dedent, indent
from types import MappingProxyType
from typing import Final

_PLACE: Final = re.compile(r"^( *)(.*?)@(\w+)", re.MULTILINE)
_GROUP: Final = """\
$__conditionalAll(site IN (${site:singlequote}), $site)
    AND $__conditionalAll(fleet IN (${fleet:singlequote}), $fleet)
    AND $__conditionalAll(platform IN (${platform:singlequote}), $platform)
"""

CONDITIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fleets": f"""{_GROUP}\
    AND $__conditionalAll((site, fleet, platform) IN (
        SELECT site, fleet, platform FROM fleet_models_between(since = $__fromTime, until = $__toTime)
        WHERE model IN (${{model:singlequote}})), $model)""",
        "chips": f"{_GROUP}    AND $__conditionalAll(model IN (${{model:singlequote}}), $model)",
    }
)


def compose(sql: str) -> str:
    """Return the query with its conditions in place. Raises `KeyError` for one that is not known."""
    return _PLACE.sub(_put_in, dedent(sql).strip())


def _put_in(match: re.Match[str]) -> str:
    """Put a condition in, its further lines as deep as the line that asks for it."""
    first, *rest = CONDITIONS[match[3]].split("\n")
    return f"{match[1]}{match[2]}" + "\n".join([first, indent("\n".join(rest), match[1])])

"""Which Grafanas the boards and rules are for, and what is to be said of another one.

What was run with the real plugin: Grafana 12.2.0, and an earlier state of the boards on 11.1.3. The versions from
4.14.1 to 4.20.0 of the plugin have the macros that we use.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from dashboards.names import DATA_SOURCE_TYPE


class Version(NamedTuple):
    """The first two numbers of a version."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


OLDEST: Final = Version(11, 6)
"""The oldest Grafana in which `PLUGIN` runs."""
KEEPS_FIRING: Final = Version(12, 0)
"""The first Grafana with `keepFiringFor`; older ones ignore it, in files and over HTTP."""
TRIED: Final = "12.2.0"
PLUGIN: Final = "4.20.0"
"""The version of the data source's plugin that the queries are written for."""

_VERSION: Final = re.compile(r"(\d+)\.(\d+)")


def version(text: str) -> Version | None:
    """Read a version such as 12.2.0-pre; None where it is none."""
    match = _VERSION.match(text)
    return Version(int(match[1]), int(match[2])) if match else None


def doubts(grafana: str, plugin: str | None) -> Iterator[str]:
    """Say what will not work with a Grafana and its plugin, by their versions; empty is unknown, None not installed."""
    found = version(grafana)
    if found and found < OLDEST:
        yield (
            f"Grafana {grafana} is too old: plugin {PLUGIN} needs {OLDEST}, alerts that keep firing need "
            f"{KEEPS_FIRING}; update it"
        )
    elif found and found < KEEPS_FIRING:
        yield (
            f"Grafana {grafana} ends alerts at once: keepFiringFor needs {KEEPS_FIRING}; update it, or alerts may "
            "end and start again"
        )
    if plugin is None:
        yield f"the plugin {DATA_SOURCE_TYPE} is not installed there; install version {PLUGIN} or newer"
    elif (has := version(plugin)) and (needed := version(PLUGIN)) and has < needed:
        yield f"the plugin {DATA_SOURCE_TYPE} is {plugin} there, older than {PLUGIN}; update it"

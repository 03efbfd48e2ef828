"""The limits that alerting rules hold a fleet to: what each means, its default, and what an operator may set it to.

They stand in the fleet file and go into `budgets.limits`; a rule reads them there, fleet by fleet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class Limit:
    """One limit: its default, the least and the most that it may be, and what it limits."""

    default: float
    low: float
    high: float
    meaning: str


LIMITS: Final[Mapping[str, Limit]] = MappingProxyType(
    {
        "headroom_share": Limit(0.05, 0.0, 1.0, "headroom is low below this share of the budget"),
        "rising_s": Limit(600.0, 1.0, 86_400.0, "warn when the present slope meets the budget within so many seconds"),
        "ramp_share": Limit(0.03, 0.0, 1.0, "share of the budget by which power may change in a second, over ten"),
        "oscillation_share": Limit(0.10, 0.0, 1.0, "share of the budget that an oscillation may have, peak to peak"),
        "drop_share": Limit(0.30, 0.0, 1.0, "share of its power that a fleet may lose within ten seconds"),
        "coverage_share": Limit(0.90, 0.0, 1.0, "share of the expected chips that must report"),
        "silent_share": Limit(0.01, 0.0, 1.0, "share of the known chips that may have fallen silent"),
        "idle_share": Limit(0.10, 0.0, 1.0, "share of the power that idle chips may draw"),
        "throttled_share": Limit(0.05, 0.0, 1.0, "share of the chips that may be throttled"),
        "meter_low": Limit(0.40, 0.0, 10.0, "least that chips may draw of what their meter shows"),
        "meter_high": Limit(1.02, 0.0, 10.0, "most that chips may draw of what their meter shows"),
        "freshness_s": Limit(15.0, 1.0, 3_600.0, "seconds from a sample's end until it is stored"),
        "free_disk_share": Limit(0.05, 0.0, 1.0, "share of each of the store's disks that must stay free"),
    }
)

DEFAULTS: Final[Mapping[str, float]] = MappingProxyType({name: limit.default for name, limit in LIMITS.items()})

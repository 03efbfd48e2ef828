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
        "headroom_share": Limit(0.05, 0.0, 1.0, "share of the budget that must stay free"),
        "rising_s": Limit(
            600.0, 1.0, 86_400.0, "warn when power will reach the budget within this many seconds at its current slope"
        ),
        "ramp_share": Limit(0.03, 0.0, 1.0, "maximum ramp per second, as a share of the budget, over ten seconds"),
        "oscillation_share": Limit(0.10, 0.0, 1.0, "maximum oscillation, peak to peak, as a share of the budget"),
        "drop_share": Limit(0.30, 0.0, 1.0, "maximum share of its power that a fleet may lose within ten seconds"),
        "coverage_share": Limit(0.90, 0.0, 1.0, "minimum share of the expected chips that must report"),
        "silent_share": Limit(0.01, 0.0, 1.0, "maximum share of the known chips that may be silent"),
        "idle_share": Limit(0.10, 0.0, 1.0, "maximum share of the power that idle chips may draw"),
        "throttled_share": Limit(0.05, 0.0, 1.0, "maximum share of the chips that may be throttled"),
        "meter_low": Limit(0.40, 0.0, 10.0, "minimum power of the chips relative to their meter"),
        "meter_high": Limit(1.02, 0.0, 10.0, "maximum power of the chips relative to their meter"),
        "freshness_s": Limit(15.0, 1.0, 3_600.0, "maximum seconds from the end of a sample until it is stored"),
        "free_disk_share": Limit(0.05, 0.0, 1.0, "minimum free share of each disk of ClickHouse"),
    }
)

DEFAULTS: Final[Mapping[str, float]] = MappingProxyType({name: limit.default for name, limit in LIMITS.items()})

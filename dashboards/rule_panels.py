"""Which panel shows what a rule looks at: where its alerts are marked, and where its link leads."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple


class Panel(NamedTuple):
    """A panel, by the uid of its dashboard and its id there."""

    dashboard_uid: str
    panel_id: int


PANELS: Final[Mapping[str, Panel]] = MappingProxyType(
    {
        "budget_exceeded": Panel("gigawatt-fleet-power", 6),
        "budget_rising": Panel("gigawatt-fleet-power", 6),
        "headroom_low": Panel("gigawatt-fleet-power", 6),
        "coverage_lost": Panel("gigawatt-fleet-power", 11),
        "idle_burn": Panel("gigawatt-utilization", 8),
        "ramp_steep": Panel("gigawatt-dynamics", 4),
        "power_oscillates": Panel("gigawatt-dynamics", 8),
        "power_dropped": Panel("gigawatt-dynamics", 10),
        "power_dropped_together": Panel("gigawatt-dynamics", 10),
        "chips_silent": Panel("gigawatt-chips", 11),
        "chips_doubled": Panel("gigawatt-chips", 12),
        "fleet_doubtful": Panel("gigawatt-chips", 12),
        "chips_throttled": Panel("gigawatt-chips", 8),
        "meter_disagrees": Panel("gigawatt-trust", 11),
        "freshness_lost": Panel("gigawatt-trust", 2),
        "ledger_broken": Panel("gigawatt-trust", 10),
        "messages_lost": Panel("gigawatt-trust", 9),
        "topic_made_anew": Panel("gigawatt-trust", 9),
        "refusals_rising": Panel("gigawatt-trust", 5),
        "dead_letters_lost": Panel("gigawatt-trust", 5),
        "disk_low": Panel("gigawatt-trust", 15),
    }
)

RUNBOOK_PANELS: Final[Mapping[str, int]] = MappingProxyType({name: id_ for id_, name in enumerate(PANELS, 1)})
"""Which panel of the board of runbooks tells what to do. A new rule stands last above: ids never change."""

"""The fleets of the scenarios: what happens to each, and which rules that fires. Every other rule must stay quiet.

Each pair is one that fires a rule and one, close to it, that must not. Times are seconds since the world began.
"""

from dataclasses import dataclass

import numpy as np

from tests.dashboards.rules.world import Pool, always, points, some

BEGINS_S = 150
"""Rules are evaluated from here on: what the slowest look back to is there."""
ENDS_S = 900


@dataclass(frozen=True)
class Scenario:
    """What happens, and the rules that fire; `pool.site` names it."""

    what: str
    fires: frozenset[str]
    nearly: str
    """The rule that is pending and never fires, where that is how close it comes."""
    pools: tuple[Pool, ...]

    @property
    def site(self) -> str:
        return self.pools[0].site


def scenario(what: str, *pools: Pool, fires: tuple[str, ...] = (), nearly: str = "") -> Scenario:
    return Scenario(what, frozenset(fires), nearly, pools)


def swing(size: float, period_s: float):
    """Return a load that oscillates, from peak to trough by a share of the budget."""
    return lambda t: 0.7 + size / 2 * np.sin(2 * np.pi * t / period_s)


def each_minute(low: float, high: float):
    """Return a load that is another one every minute."""
    return lambda t: np.where(np.floor(t / 60) % 2, high, low)


SCENARIOS = [
    scenario(
        "a fleet draws more than its budget for minutes",
        Pool("over", load=points((300, 0.85), (302, 1.04), (700, 1.04), (800, 0.85))),
        fires=("budget_exceeded",),
    ),
    scenario(
        "a fleet draws more than its budget for less than the rule's time",
        Pool("over-briefly", load=points((300, 0.85), (302, 1.04), (372, 1.04), (374, 0.85))),
        nearly="budget_exceeded",
    ),
    scenario(
        "a fleet above its budget is not heard of for a while",
        Pool("over-unheard", load=points((300, 0.85), (302, 1.04)), silent=some(20, 600, 720)),
        fires=("budget_exceeded", "coverage_lost"),
    ),
    scenario(
        "a fleet's power rises towards its budget and stops before it",
        Pool("rising", load=points((300, 0.65), (800, 0.92))),
        fires=("budget_rising",),
    ),
    scenario(
        "a fleet's power steps up and stays",
        Pool("stepping", load=points((300, 0.65), (305, 0.92))),
        nearly="budget_rising",
    ),
    scenario(
        "a fleet has little headroom",
        Pool("tight", load=always(0.97)),
        fires=("headroom_low",),
    ),
    scenario(
        "a fleet has little headroom for less than the rule's time",
        Pool("tight-briefly", load=points((400, 0.9), (405, 0.97), (640, 0.97), (645, 0.9))),
        nearly="headroom_low",
    ),
    scenario(
        "a fleet's power rises within ten seconds",
        Pool("ramp", load=points((300, 0.3), (310, 0.75)), limits={"ramp_share": 0.03}),
        fires=("ramp_steep",),
    ),
    scenario(
        "a fleet's power rises as far within a minute",
        Pool("ramp-slow", load=points((300, 0.3), (360, 0.75)), limits={"ramp_share": 0.03}),
        nearly="budget_rising",
    ),
    scenario(
        "devices that tell means of a minute step up together: nobody knows how steep that was",
        Pool(
            "ramp-unseen",
            *("train", "trainium", "trn2", "percent"),
            interval_s=60,
            delay_s=9,
            load=each_minute(0.4, 0.75),
            limits={"ramp_share": 0.01, "drop_share": 0.1},
        ),
    ),
    scenario(
        "a fleet's power oscillates",
        Pool("swing", load=swing(0.16, 8)),
        fires=("power_oscillates",),
    ),
    scenario(
        "a fleet's power oscillates by less than its limit",
        Pool("swing-small", load=swing(0.07, 8)),
    ),
    scenario(
        "a fleet's power oscillates, so slowly that it is a drift",
        Pool("swing-slow", load=swing(0.16, 120)),
    ),
    scenario(
        "a job of a fleet ends",
        Pool("drop", load=points((300, 0.8), (304, 0.4))),
        Pool("drop", "serve", load=always(0.6)),
        fires=("power_dropped",),
    ),
    scenario(
        "a job of a fleet stops for a moment: a dip has all frequencies, and is no oscillation",
        Pool("dip", load=points((300, 0.8), (302, 0.4), (316, 0.4), (318, 0.8)), limits={"ramp_share": 0.1}),
        fires=("power_dropped",),
    ),
    scenario(
        "a fleet's power falls as far within two minutes",
        Pool("drop-slow", load=points((300, 0.8), (420, 0.4))),
    ),
    scenario(
        "the chips that draw most of a fleet's power are not heard of: no watt was lost",
        Pool("gap", load=always(0.5), unlike=0.4, silent=some(10, 300, 420), limits={"ramp_share": 0.03}),
        fires=("coverage_lost",),
    ),
    scenario(
        "two fleets of a site drop together",
        Pool("dark", load=points((300, 0.8), (304, 0.4))),
        Pool("dark", "serve", load=points((310, 0.8), (314, 0.4))),
        fires=("power_dropped", "power_dropped_together"),
    ),
    scenario(
        "two fleets of a site drop one after the other",
        Pool("apart", load=points((300, 0.8), (304, 0.4))),
        Pool("apart", "serve", load=points((420, 0.8), (424, 0.4))),
        fires=("power_dropped",),
    ),
    scenario(
        "a whole fleet falls silent",
        Pool("blackout", silent=some(20, 300)),
        fires=("coverage_lost",),
    ),
    scenario(
        "a fleet is silent for less than the rule's time",
        Pool("blackout-briefly", silent=some(20, 300, 330)),
        nearly="coverage_lost",
    ),
    scenario(
        "a host of twenty falls silent",
        Pool("host", chips=80, silent=some(4, 200)),
        fires=("chips_silent",),
    ),
    scenario(
        "a host of twenty is silent for four minutes",
        Pool("host-back", chips=80, silent=some(4, 200, 440)),
    ),
    scenario(
        "two machines report the same chips",
        Pool("twins", chips=80, load=always(0.5), doubled=some(4, 300)),
        fires=("chips_doubled", "fleet_doubtful"),
    ),
    scenario(
        "two machines report one chip of many, while another chip is silent: coverage does not show it",
        Pool("twin", chips=200, silent=some(1, 300), doubled=lambda t, chip: (chip == 7) & (t >= 300)),
        fires=("fleet_doubtful",),
    ),
    scenario(
        "two machines report the same devices, which tell means of a minute",
        Pool(
            "twins-slow",
            *("train", "trainium", "trn2", "percent"),
            chips=200,
            interval_s=60,
            delay_s=10,
            load=always(0.5),
            doubled=some(1, 300),
        ),
        fires=("fleet_doubtful",),
    ),
    scenario(
        "two machines report the same chips for a moment",
        Pool("twins-briefly", chips=80, load=always(0.5), doubled=some(1, 300, 305)),
    ),
    scenario(
        "a host's chips are moved to another machine",
        Pool("moved", chips=80, silent=some(4, 300), doubled=some(4, 300)),
    ),
    scenario(
        "a fleet has more chips than the operator planned",
        Pool("grown", expected=18),
    ),
    scenario(
        "half of a fleet's chips idle",
        Pool("idle", idle=some(10)),
        fires=("idle_burn",),
    ),
    scenario(
        "half of a fleet's chips idle between two jobs",
        Pool("idle-briefly", idle=some(10, 0, 480)),
        nearly="idle_burn",
    ),
    scenario(
        "half of a fleet's chips idle, as the operator wants it",
        Pool("idle-on-purpose", idle=some(10), limits={"idle_share": 1.0}),
    ),
    scenario(
        "a quarter of a fleet's chips are too hot",
        Pool("hot", hot=some(5, 200)),
        fires=("chips_throttled",),
    ),
    scenario(
        "one chip of a fleet is too hot",
        Pool("hot-one", hot=some(1, 200)),
    ),
    scenario(
        "chips draw more than their meter shows",
        Pool("meter", chips=4),
        Pool("meter", model="host-meter", method="meter", chips=1, expected=0, load=always(2.2)),
        fires=("meter_disagrees",),
    ),
    scenario(
        "chips draw less than their meter shows, as they should",
        Pool("meter-good", chips=4),
        Pool("meter-good", model="host-meter", method="meter", chips=1, expected=0, load=always(3.3)),
    ),
    scenario(
        "chips and a meter that sees few of them: what is not told is made up for",
        Pool("meter-gap", chips=4, silent=some(1, 300), limits={"coverage_share": 0.7, "silent_share": 0.5}),
        Pool("meter-gap", model="host-meter", method="meter", chips=1, expected=0, load=always(3.3)),
    ),
    scenario(
        "devices that tell means of a minute, a minute late",
        Pool("late", *("train", "trainium", "trn2", "percent"), interval_s=60, delay_s=10),
    ),
]

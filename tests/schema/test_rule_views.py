"""What rules look at, at any instant: exact figures of fleets whose power is known second by second."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from schema.fleet import Budget
from schema.migrate import set_budgets
from tests import engine as engines

T = int(time.time()) // 60 * 60 - 600
CHIPS = 10
BUDGET_W = 1_000.0


@dataclass(frozen=True)
class Known:
    """A fleet whose watts and reporting chips are known of each second before T."""

    watts: Callable[[int], float]
    reporting: Callable[[int], float] = lambda _: CHIPS
    limits: Mapping[str, float] = field(default_factory=dict)
    site: str = "north"
    planned: bool = True


def at(second: int, before: float, after: float) -> Callable[[int], float]:
    """Return a step of power."""
    return lambda now: before if now < second else after


FLEETS = {
    "step": Known(at(-10, 500.0, 800.0)),
    "gap": Known(at(-20, 100.0, 475.0), reporting=at(-20, 8.9, 9.5)),
    "unplanned": Known(lambda _: 500.0, planned=False),
    "free-by-default": Known(lambda _: 760.0),
    "free-by-its-own": Known(lambda _: 750.0, limits={"headroom_share": 0.5}),
    "over": Known(lambda _: 1_200.0),
    "rising": Known(lambda second: 500.0 + second),
    "risen": Known(lambda second: 500.0 + min(second, -80)),
    "dropped": Known(at(-20, 800.0, 400.0), site="dark"),
    "dropped-too": Known(at(-20, 800.0, 200.0), site="dark"),
    "hardly-dropped": Known(at(-20, 800.0, 790.0), site="dark"),
    "small": Known(at(-20, 90.0, 10.0), site="dark"),
    "ramp": Known(at(-20, 300.0, 900.0)),
    "zero-limits": Known(at(-20, 300.0, 301.0), limits={"ramp_share": 0.0, "drop_share": 0.0}),
}


@pytest.fixture(scope="module")
def known(engine: engines.Engine):
    """Give a client of a database that has all fleets."""
    client = engine.migrated_client()
    set_budgets(
        client,
        [
            Budget(one.site, fleet, "nvidia", BUDGET_W, CHIPS, dict(one.limits))
            for fleet, one in FLEETS.items()
            if one.planned
        ],
    )
    rows = [
        [1, T + now, one.site, fleet, "nvidia", "m", "counter", one.watts(now), one.reporting(now), CHIPS]
        for fleet, one in FLEETS.items()
        for now in range(-400, 0)
    ]
    names = ["resolution_s", "time", "site", "fleet", "platform", "model", "power_method"]
    client.insert("power_sums", rows, column_names=[*names, "energy_j", "chip_seconds", "samples"])
    yield client
    client.close()


def ask(client: Client, view: str, columns: str, fleet: str, at: int = T) -> tuple[Any, ...] | None:
    """Return what a view says of a fleet at an instant; None where it has no row."""
    sql = f"SELECT {columns} FROM {view}(at = toDateTime({at}, 'UTC')) WHERE fleet = '{fleet}'"
    rows = client.query(sql).result_rows
    return tuple(rows[0]) if rows else None


def test_the_level_is_the_mean_of_thirty_seconds_at_any_instant(known):
    assert ask(known, "rule_budget_exceeded", "value, power_w, budget_w", "step") == (0.6, 600.0, BUDGET_W)
    assert ask(known, "rule_budget_exceeded", "value", "step", at=T - 11) == (0.5,)


def test_missing_chips_are_made_up_for_unless_too_many_are_missing(known):
    """Half the seconds are left out; of the others one chip in twenty is missing."""
    assert ask(known, "power_levels_at", "round(power_w, 6)", "gap") == (500.0,)


def test_a_fleet_without_a_budget_has_a_level_and_is_held_to_none(known):
    assert ask(known, "power_levels_at", "power_w, budget_w", "unplanned") == (500.0, 0.0)
    assert ask(known, "rule_budget_exceeded", "value", "unplanned") is None
    assert ask(known, "rule_headroom_low", "value", "unplanned") is None


@pytest.mark.parametrize(
    ("fleet", "value", "free"), [("free-by-default", 0.8, 0.24), ("free-by-its-own", 1.5, 0.25), ("over", 0.0, -0.2)]
)
def test_headroom_is_held_to_what_shall_stay_free_until_the_budget_is_exceeded(known, fleet, value, free):
    assert ask(known, "rule_headroom_low", "value, free_share", fleet) == pytest.approx((value, free))


def test_a_slope_that_lasts_is_held_to_the_time_in_which_it_meets_the_budget(known):
    found = ask(known, "rule_budget_rising", "value, within_s, slope_w_per_s", "rising")

    assert found == pytest.approx((600 / 515.5, 515.5, 1.0))


def test_a_rise_that_ended_has_no_slope(known):
    assert ask(known, "rule_budget_rising", "value, within_s", "risen") == (0.0, 86_400.0)


@pytest.mark.parametrize(
    ("fleet", "share", "lost_w"),
    [("dropped", 0.5, 400.0), ("dropped-too", 0.75, 600.0), ("hardly-dropped", 1 / 80, 10.0)],
)
def test_a_drop_is_a_share_of_the_power_against_its_limit(known, fleet, share, lost_w):
    assert ask(known, "rule_power_dropped", "value, lost_w", fleet) == pytest.approx((share / 0.3, lost_w))


def test_a_fleet_that_draws_hardly_anything_does_not_drop(known):
    assert ask(known, "rule_power_dropped", "value", "small") is None


def test_fleets_of_a_site_that_dropped_are_counted(known):
    sql = f"SELECT value, lost_w FROM rule_power_dropped_together(at = toDateTime({T}, 'UTC')) WHERE site = 'dark'"

    assert [tuple(row) for row in known.query(sql).result_rows] == [(2.0, 1_000.0)]


def test_a_ramp_is_watts_a_second_against_a_share_of_the_budget(known):
    assert ask(known, "rule_ramp_steep", "value, rise_w_per_s", "ramp") == pytest.approx((2.0, 60.0))
    assert ask(known, "rule_power_dropped", "value, lost_w", "ramp") == (0.0, 0.0)
    assert ask(known, "rule_ramp_steep", "value", "ramp", at=T - 30) == (0.0,)


def test_a_limit_of_zero_divides_by_nothing(known):
    assert ask(known, "rule_ramp_steep", "value", "zero-limits") == pytest.approx((0.1 / BUDGET_W / 1e-6,))
    assert ask(known, "rule_power_dropped", "value", "zero-limits") == (0.0,)

"""Every rule on fleets that are played into the real engine: it fires where it should, and nowhere else."""

import time
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from dashboards.evaluate import State
from dashboards.preview import Preview
from dashboards.rule import FAST, Rule, load_rules
from schema.migrate import set_budgets
from tests import engine as engines
from tests.dashboards.rules.fleets import BEGINS_S, ENDS_S, SCENARIOS, Scenario
from tests.dashboards.rules.world import World, asks

GLOBAL = {
    *("freshness_lost", "ledger_broken", "messages_lost", "topic_made_anew"),
    *("refusals_rising", "dead_letters_lost", "disk_low"),
}
"""Rules of the pipeline and not of a fleet: they have scenarios of their own."""
CHANGES_END_S = 540
"""No power changes fast after that, and the fast rules are not asked any more."""


@dataclass
class Played:
    """What became of each rule's instances: by site and rule, the second and state of each evaluation."""

    states: dict[tuple[str, str], list[tuple[int, State]]] = field(default_factory=lambda: defaultdict(list))

    def reached(self, site: str, state: State) -> set[str]:
        """Return the rules of which any instance was in a state."""
        return {
            rule for (of, rule), states in self.states.items() if of == site and any(one == state for _, one in states)
        }

    def seconds(self, site: str, rule: str, *states: State) -> list[int]:
        """Return when a rule was in one of some states."""
        return [second for second, state in self.states[site, rule] if state in states]

    def note(self, preview: Preview, rules: list[Rule], second: int) -> None:
        for rule in rules:
            for instance in preview.instances(rule).values():
                if site := dict(instance.labels).get("site"):
                    self.states[site, rule.name].append((second, instance.state))


@pytest.fixture(scope="module")
def played(engine: engines.Engine) -> Played:
    """Play all fleets once, fifteen minutes up to a moment ago, and evaluate the rules every ten seconds."""
    client = engine.migrated_client()
    start_ms = (int(time.time()) // 60 * 60 - ENDS_S) * 1000
    world = World(client, start_ms, [pool for scenario in SCENARIOS for pool in scenario.pools])
    set_budgets(client, world.budgets())
    rules = [rule for rule in load_rules() if rule.name not in GLOBAL]
    fast = [rule for rule in rules if rule.group == FAST]
    steady = [rule for rule in rules if rule.group != FAST]
    result, query = Played(), asks(client)
    changes, levels = Preview(query, fast), Preview(query, steady)
    for now_ms in world.play(ENDS_S):
        second = (now_ms - start_ms) // 1000
        if BEGINS_S <= second <= CHANGES_END_S:
            changes.evaluate(now_ms)
            result.note(changes, fast, second)
        if second >= BEGINS_S:
            levels.evaluate(now_ms)
            result.note(levels, steady, second)
    client.close()
    return result


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.site)
def test_the_right_rules_fire_and_no_others(played: Played, scenario: Scenario):
    """What happens, and what fires, stands in the scenario."""
    assert played.reached(scenario.site, State.ALERTING) == scenario.fires
    if scenario.nearly:
        assert scenario.nearly in played.reached(scenario.site, State.PENDING)


def test_every_rule_of_a_fleet_has_a_scenario_that_fires_it_and_one_that_does_not():
    rules = {rule.name for rule in load_rules()} - GLOBAL

    assert set().union(*(scenario.fires for scenario in SCENARIOS)) == rules
    assert len({scenario.site for scenario in SCENARIOS}) == len(SCENARIOS)


def test_an_alert_waits_for_its_time_and_ends_when_all_is_well(played: Played):
    """The budget is exceeded from second 302 to 700, in the mean of thirty seconds."""
    pending = played.seconds("over", "budget_exceeded", State.PENDING)
    alerting = played.seconds("over", "budget_exceeded", State.ALERTING)

    assert 320 <= pending[0] <= 360
    assert alerting[0] - pending[0] == 60
    assert 730 <= alerting[-1] < 780
    assert played.states["over", "budget_exceeded"][-1] == (ENDS_S, State.NORMAL)


def test_a_gap_in_the_telemetry_does_not_end_an_alert(played: Played):
    """The fleet is not heard of from second 600 to 720, and above its budget all the time."""
    firing = played.seconds("over-unheard", "budget_exceeded", State.ALERTING)

    assert firing == list(range(firing[0], ENDS_S + 1, 10))


def test_an_alert_of_a_moment_is_kept_for_a_while(played: Played):
    """A drop is over as it happens; the alert is still there minutes later."""
    assert min(played.seconds("dip", "power_dropped", State.ALERTING)) <= 320
    assert max(played.seconds("dip", "power_dropped", State.RECOVERING)) == CHANGES_END_S


def test_a_fleet_is_doubtful_within_a_minute_and_no_longer_than_it_is(played: Played):
    """One chip of 200 is reported twice from second 300 on; another fleet's for five seconds."""
    assert min(played.seconds("twin", "fleet_doubtful", State.ALERTING)) <= 330
    assert played.seconds("twins-briefly", "fleet_doubtful", State.ALERTING) == []

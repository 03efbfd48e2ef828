"""What nobody shall be woken by, or by one rule alone: a stack that begins, one that begins again, one that stops."""

import time
from collections.abc import Callable

from clickhouse_connect.driver.client import Client

from dashboards.evaluate import State
from dashboards.preview import Preview
from schema.migrate import set_budgets
from tests.dashboards.rules.world import Pool, Times, World, asks, points, some

EVERY_S = 30
"""What the fast rules look at is a minute long: none is missed."""


def trainium(site: str = "oregon", **told) -> Pool:
    """Return devices that tell means of a minute, each at its own second of it."""
    return Pool(site, "train", "trainium", "trn2", "percent", interval_s=60, spread=True, delay_s=9, **told)


def fleets(**told) -> list[Pool]:
    return [Pool("virginia", **told), Pool("iowa", "train", "tpu", "v6e", "model", **told), trainium(**told)]


def sent_but(since: float, until: float) -> Callable[[Times], Times]:
    """Return a world in which nothing is sent from one second to another."""
    return lambda t: (t < since) | (t >= until)


def fired(
    client: Client, until_s: int, pools: list[Pool], sent: Callable[[Times], Times], step_s: int = 10
) -> dict[str, list[int]]:
    """Play a world with somebody who looks at all rules from its first moment on; return when which of them fired."""
    start_ms = (int(time.time()) // 60 * 60 - until_s) * 1000
    world = World(client, start_ms, pools, sent=sent)
    set_budgets(client, world.budgets())
    preview, found = Preview(asks(client)), {}
    preview.evaluate(start_ms)
    for now_ms in world.play(until_s, step_s):
        second = (now_ms - start_ms) // 1000
        if second % EVERY_S == 0:
            for name in {alert.name for alert in preview.evaluate(now_ms) if alert.state == State.ALERTING}:
                found.setdefault(name, []).append(second)
    return found


def test_a_stack_that_begins_wakes_nobody(client):
    """Devices that tell means of a minute reach back to before the start, some of them more than others."""
    assert fired(client, 360, fleets(), sent_but(0, 40)) == {}


def test_a_stack_that_is_started_again_at_once_wakes_nobody(client):
    assert fired(client, 600, fleets(), sent_but(300, 345)) == {}


def test_who_stops_again_and_again_is_told_what_is_missing(client):
    """A quarter of all samples, in pauses of which each alone would be a restart."""
    found = fired(client, 780, [Pool("virginia")], lambda t: (t < 200) | (t % 80 >= 20), step_s=5)

    assert found.keys() == {"coverage_lost"}


def test_of_an_outage_of_everything_freshness_tells_alone_and_while_it_lasts(client):
    """Nothing says that a fleet has lost its coverage, neither meanwhile nor as all is back."""
    found = fired(client, 900, fleets(), sent_but(240, 660))

    assert found.keys() == {"freshness_lost"}
    assert 270 <= found["freshness_lost"][0] <= 360
    assert 660 <= found["freshness_lost"][-1] <= 690


def test_coverage_that_was_lost_just_before_all_fell_silent_is_not_told_on_and_on(client):
    """Pending for a minute by then, it does not fire on what was known once."""
    pools = [Pool("virginia", silent=some(10, 200)), Pool("iowa")]

    assert fired(client, 600, pools, sent_but(330, 2_000)).keys() == {"freshness_lost"}


def test_a_fleet_that_is_added_wakes_nobody(client):
    """Host by host, within two minutes, as somebody installs its producers."""
    growing = Pool("iowa", silent=lambda t, chip: t < 200 + 5 * chip)

    assert fired(client, 510, [Pool("virginia"), growing], lambda t: t > 0) == {}


def test_a_fleet_that_is_missing_as_the_others_are_back_has_lost_its_coverage(client):
    """Told once a minute of its own has gone by for which all samples are there: the slowest are a minute long."""
    pools = [Pool("virginia"), Pool("iowa", silent=some(20, 240)), trainium()]

    found = fired(client, 780, pools, sent_but(240, 360))

    assert found.keys() == {"freshness_lost", "coverage_lost"}
    assert found["coverage_lost"] == list(range(found["coverage_lost"][0], 781, EVERY_S))
    assert 570 <= found["coverage_lost"][0] <= 630


def test_a_slope_that_was_seen_does_not_go_on_where_nothing_is_heard_of_any_more(client):
    """The power rises for long enough that the rule is pending, and then everything falls silent."""
    pools = [Pool("rising", load=points((300, 0.65), (800, 0.92))), Pool("virginia")]

    assert fired(client, 780, pools, sent_but(480, 2_000)).keys() == {"freshness_lost"}

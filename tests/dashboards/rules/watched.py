"""Worlds whose producers all fall silent, or begin, together; and somebody who looks at all rules meanwhile."""

import time
from collections import defaultdict
from collections.abc import Callable

from clickhouse_connect.driver.client import Client

from dashboards.evaluate import State
from dashboards.preview import Preview
from schema.migrate import set_budgets
from tests.dashboards.rules.world import Pool, Times, World, asks

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


def watched(
    client: Client, until_s: int, pools: list[Pool], sent: Callable[[Times], Times], step_s: int = 10
) -> dict[State, dict[str, list[int]]]:
    """Play a world with somebody who looks at all rules from its first moment on; return when which of them was what.

    These are the seconds at which any instance of a rule was in a state, by the state and the rule's name.
    """
    start_ms = (int(time.time()) // 60 * 60 - until_s) * 1000
    world = World(client, start_ms, pools, sent=sent)
    set_budgets(client, world.budgets())
    preview, found = Preview(asks(client)), defaultdict(dict)
    preview.evaluate(start_ms)
    for now_ms in world.play(until_s, step_s):
        second = (now_ms - start_ms) // 1000
        if second % EVERY_S == 0:
            for state, name in {(alert.state, alert.name) for alert in preview.evaluate(now_ms)}:
                found[State(state)].setdefault(name, []).append(second)
    return found


def fired(
    client: Client, until_s: int, pools: list[Pool], sent: Callable[[Times], Times], step_s: int = 10
) -> dict[str, list[int]]:
    """Return when which rules fired in a world that is watched."""
    return watched(client, until_s, pools, sent, step_s)[State.ALERTING]

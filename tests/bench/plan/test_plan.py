"""A plan is arithmetic: what it gives is enough, and not much more than enough."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.plan.costs import Costs, Size
from bench.plan.plan import COPIES, RESERVE, USED, Fleet, plan, plan_table
from schema.errors import GigawattError
from tests.bench.runs import TERMS

COSTS = Costs(TERMS, Size(28.0, 100.0, 268.0), Size(4.3, 0.0, 0.0))


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    per_host = draw(st.sampled_from([1, 4, 8, 16, 72, 4096]))
    hosts = draw(st.integers(1, 300_000))
    period_s = draw(st.sampled_from([0.1, 1.0, 10.0, 60.0]))
    every = draw(st.integers(1, 10))
    return Fleet(
        hosts * per_host, per_host, period_s, draw(st.integers(1, min(hosts, 50))), period_s * every,
        cores=draw(st.sampled_from([1, 2, 16, 64])),
    )  # fmt: skip


@given(fleets())
def test_what_a_plan_gives_carries_the_load_with_a_third_to_spare(fleet):
    made = plan(fleet, COSTS)
    workers = made["workers"]
    rates = fleet.rates(int(workers))

    assert TERMS["worker"].cores(rates) <= workers * (1 - RESERVE) + 1e-9
    assert TERMS["broker"].cores(rates) <= made["brokers"] * fleet.cores * (1 - RESERVE) + 1e-9
    store = TERMS["store"]
    assert store.cores(rates) + (made["shards"] - 1) * store.fixed <= made["shards"] * fleet.cores * USED + 1e-9
    assert made["clickhouse servers"] == COPIES * made["shards"]
    assert made["brokers"] >= COPIES
    assert made["partitions"] >= workers
    assert made["partitions"] % 12 == 0
    assert made["worker machines"] * fleet.cores >= workers


@given(fleets())
def test_a_plan_has_not_one_more_than_needed(fleet):
    workers = int(plan(fleet, COSTS)["workers"])

    assert workers == 2 or TERMS["worker"].cores(fleet.rates(workers - 1)) > (workers - 1) * USED - 1e-9


@given(fleets(), st.integers(2, 10))
def test_more_chips_never_need_less(fleet, times):
    more = Fleet(
        fleet.chips * times, fleet.chips_per_host, fleet.period_s, fleet.sites, fleet.publish_every_s,
        cores=fleet.cores,
    )  # fmt: skip
    little, much = plan(fleet, COSTS), plan(more, COSTS)

    assert all(need.amount <= much[need.what] * (1 + 1e-9) for need in little.needs)
    assert much["disk of samples"] == pytest.approx(times * little["disk of samples"])
    assert much["network of a site"] == pytest.approx(times * little["network of a site"])


@given(fleets())
def test_every_number_has_its_reason_and_is_finite(fleet):
    made = plan(fleet, COSTS)

    assert all(need.why and "\n" not in need.why and math.isfinite(need.amount) for need in made.needs)
    assert len({need.what for need in made.needs}) == len(made.needs)
    assert json.loads(json.dumps(made.as_json()))["fleet"]["chips"] == fleet.chips
    assert len(plan_table(made)) == len(made.needs) + 1


def test_a_million_chips_in_hosts_of_eight_by_hand():
    made = plan(Fleet(1_000_000, 8, 1.0, 4, 1.0), COSTS)

    assert made["messages"] == 125_000
    # 125,000 x 30 us + 1,000,000 x 0.3 us = 4.05 cores, of which each worker takes 2/3 - 0.01
    assert made["workers"] == math.ceil(4.05 / (2 / 3 - 0.01)) == 7
    assert made["partitions"] == 24
    # 1,000,000 samples/s x 4.3 bytes x 3 days x 3 copies x 1.5
    assert made["disk of samples"] == pytest.approx(1e6 * 4.3 * 259_200 * 4.5 / 1e12)
    # (1,000,000 x 74 bytes + 125,000 x 300) x 8 bits / 4 sites x 1.5
    assert made["network of a site"] == pytest.approx((74e6 + 37.5e6) * 8 / 4 * 1.5 / 1e6)


def test_waiting_saves_messages_and_costs_no_sample():
    each, fifth = (plan(Fleet(80_000, 8, 1.0, 1, every), COSTS) for every in (1.0, 5.0))

    assert fifth["messages"] == each["messages"] / 5
    assert fifth["samples"] == each["samples"]
    assert fifth["network of a site"] < each["network of a site"]


@pytest.mark.parametrize(
    ("fleet", "said"),
    [
        ((4, 8, 1.0, 1, 1.0), "4 chips do not fill one host of 8"),
        ((800, 8, 1.0, 101, 1.0), "100 hosts cannot be spread over 101 sites"),
        ((800, 8, 5.0, 1, 1.0), "a message every 1 s would be empty: chips are read every 5 s"),
    ],
)
def test_what_no_fleet_is_is_refused_in_one_line(fleet, said):
    with pytest.raises(GigawattError, match=said):
        Fleet(*fleet)

"""A fleet that is gone is forgotten, on the real engine: what it used stays, and nobody misses it."""

import datetime as dt
import time

import pytest

from dashboards.preview import Preview
from schema.errors import GigawattError
from schema.fleet import Budget
from schema.forget import forget
from schema.migrate import set_budgets
from tests.batches import batch
from tests.dashboards.rules.world import asks

HOUR_S = 3600


def sample(ago_s: float, fleet: str = "trial", chips: int = 3, **other):
    ts = int((time.time() - ago_s) * 1000)
    return batch(ts=ts, site="lab", fleet=fleet, chip=[f"{fleet}-{n}" for n in range(chips)], power_w=100.0, **other)


def expected(client, fleet: str) -> int:
    sql = "SELECT sum(chips_expected) FROM capacity_at(at = now()) WHERE fleet = {fleet:String}"
    return int(client.query(sql, parameters={"fleet": fleet}).result_rows[0][0])


def test_a_fleet_that_was_tried_out_is_expected_no_more(client, stored):
    """Its joules and samples stay, with the names of its chips; another fleet is as it was."""
    for ago_s in (HOUR_S, HOUR_S - 60):
        stored(sample(ago_s), sample(ago_s, "kept"))
    assert (expected(client, "trial"), expected(client, "kept")) == (3, 3)

    (forgotten,) = forget(client, "lab", "trial")

    assert forgotten == (("lab", "trial", "nvidia"), 3, False)
    assert (expected(client, "trial"), expected(client, "kept")) == (0, 3)
    joules = "SELECT sum(energy_j) FROM power_by_hour WHERE fleet = 'trial'"
    assert client.query(joules).result_rows == [(600.0,)]
    names = "SELECT DISTINCT chip FROM chip_samples WHERE fleet = 'trial' ORDER BY chip"
    assert [row[0] for row in client.query(names).result_rows] == ["trial-0", "trial-1", "trial-2"]


def missed(client) -> set[str]:
    """Return the rules that have anything to say of the fleet."""
    return {alert.name for alert in Preview(asks(client)).evaluate(int(time.time() * 1000)) if "trial" in str(alert)}


def test_no_rule_misses_it(client, stored):
    """Neither its coverage nor its chips, while another fleet reports; none of it has a gap, however long it takes."""
    began_s = time.time()
    for ago_s in range(1500, 0, -60):
        passed_s = time.time() - began_s
        batches = [sample(ago_s + passed_s, "kept", interval_ms=60_000)]
        if ago_s > 600:
            batches.append(sample(ago_s + passed_s, interval_ms=60_000))
        stored(*batches, appended_ms=int((began_s - ago_s + 1) * 1000))
    assert missed(client) >= {"coverage_lost"}

    forget(client, "lab", "trial")
    assert missed(client) == set()


def test_its_budget_ends_now_and_was_what_it_was_before(client, stored):
    before = dt.datetime.now(dt.UTC) - dt.timedelta(hours=5)
    set_budgets(client, [Budget("lab", one, "nvidia", 1e6, 3) for one in ("trial", "kept")], now=before)
    stored(sample(HOUR_S))

    assert forget(client, "lab", "trial", "nvidia")[0].budgeted
    budgets = "SELECT fleet FROM budgets_at(at = {at:DateTime('UTC')}) ORDER BY fleet"
    now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
    for at, fleets in ((now, ["kept"]), (before + dt.timedelta(hours=1), ["kept", "trial"])):
        found = client.query(budgets, parameters={"at": at.replace(microsecond=0)}).result_rows
        assert [row[0] for row in found] == fleets
    assert [row[0] for row in client.query("SELECT fleet FROM budgets").result_rows] == ["kept"]


def test_a_fleet_that_reports_again_is_expected_again(client, stored):
    stored(sample(HOUR_S))
    forget(client, "lab", "trial")
    stored(sample(5))

    assert expected(client, "trial") == 3


@pytest.mark.parametrize(
    ("ago_s", "named", "error"),
    [
        (5, ("lab", "trial"), r"lab / trial / nvidia still reports"),
        (HOUR_S, ("lab", "trail"), r"lab / trail is unknown; known fleets: lab/trial"),
        (HOUR_S, ("lab", "trial", "tpu"), r"lab / trial / tpu is unknown"),
    ],
)
def test_what_cannot_be_forgotten_is_told(client, stored, ago_s, named, error):
    stored(sample(ago_s))
    with pytest.raises(GigawattError, match=error):
        forget(client, *named)

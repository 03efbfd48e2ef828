"""Fleet power for Prometheus is what the page and the boards show, from a real engine."""

import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dashboards.live.by_method import MethodReader
from dashboards.live.reader import SummaryReader
from dashboards.metrics.figures import Figures
from schema.clickhouse import connect
from schema.errors import GigawattError
from schema.fleet import Budget
from schema.fleet_limits import DEFAULTS
from schema.migrate import set_budgets
from tests.batches import batch

TRAIN = {"site": "north", "fleet": "train", "platform": "nvidia"}


@pytest.fixture
def figures(engine, client):  # noqa: ARG001  it empties the database
    """Give what is served; its clock is the test's."""
    now_s = [time.time()]
    summary = SummaryReader(lambda: connect(engine.url), fresh_for_s=-1.0)
    methods = MethodReader(lambda: connect(engine.url), clock=lambda: now_s[0])
    made = Figures(summary.read, methods.read)
    return made, summary, now_s


def scraped(figures):
    """Return value by labels, by family."""
    body = figures.self_report().reply("/metrics").body.decode()
    return {
        family.name: {tuple(sorted(one.labels.items())): one.value for one in family.samples}
        for family in text_string_to_metric_families(body)
    }


def of(**labels):
    return tuple(sorted({**TRAIN, **labels}.items()))


def test_figures_are_those_of_the_summary(client, stored, figures):
    """Power adds up over its sources to what is reported; the rest is the line's."""
    made, summary, _ = figures
    now_ms = int(time.time() * 1000) // 1000 * 1000
    set_budgets(client, [Budget("north", "train", "nvidia", 5000.0, 8, DEFAULTS)])
    for ago in range(1, 20):
        stored(
            batch(ts=now_ms - 1000 * ago, host="a", chip=["1", "2"], power_w=[300.0, 400.0], power_method="counter"),
            batch(ts=now_ms - 1000 * ago, host="b", chip=["3"], power_w=[100.5], power_method="sensor"),
        )
    found = scraped(made)
    (line,) = summary.read().lines

    assert found["gigawatt_fleet_power_watts"] == {of(method="counter"): 700.0, of(method="sensor"): 100.5}
    assert found["gigawatt_fleet_power_estimated_watts"] == {of(): line.second.power_estimated_w}
    assert found["gigawatt_fleet_coverage_ratio"] == {of(): 3 / 8}
    assert found["gigawatt_fleet_budget_watts"] == {of(): 5000.0}
    assert found["gigawatt_fleet_chips_expected"] == {of(): 8}
    assert found["gigawatt_fleet_chips_reporting"] == {of(): 3}
    assert found["gigawatt_fleet_heard"] == {of(): 1}
    assert found["gigawatt_fleet_newest_second_timestamp_seconds"] == {of(): line.second.time}
    assert found["gigawatt_fleet_energy_joules"][of(method="counter")] == 19 * 700
    assert found["gigawatt_power_estimated_watts"] == {(): line.second.power_estimated_w}
    assert found["gigawatt_store_up"] == {(): 1}


def test_a_fleet_that_fell_silent_has_no_figures_but_what_is_expected_of_it(client, stored, figures):
    """A series that ends, and none that stays."""
    made, _, _ = figures
    now_ms = int(time.time() * 1000) // 1000 * 1000
    set_budgets(client, [Budget("north", "train", "nvidia", 5000.0, 8, DEFAULTS)])
    for ago in range(120, 130):
        stored(batch(ts=now_ms - 1000 * ago, power_w=300.0), appended_ms=now_ms - 1000 * ago)
    found = scraped(made)

    for name in ("power_watts", "power_estimated_watts", "coverage_ratio", "newest_second_timestamp_seconds"):
        assert found[f"gigawatt_fleet_{name}"] == {}, name
    assert found["gigawatt_fleet_heard"] == {of(): 0}
    assert found["gigawatt_fleet_chips_reporting"] == {of(): 0}
    assert found["gigawatt_fleet_budget_watts"] == {of(): 5000.0}
    assert len(found["gigawatt_fleet_energy_joules"]) == 1


def test_energy_only_grows_by_late_samples_restarts_and_merges(client, stored, engine, figures):
    """It is what is stored, whenever it was drawn, and whoever asks."""
    made, summary, now_s = figures
    now_ms = int(time.time() * 1000) // 1000 * 1000
    seen = []
    for late_s in (2, 4000, 90_000, 3, 40_000):
        stored(batch(ts=now_ms - 1000 * late_s, chip=[f"{late_s}"], power_w=333.3), appended_ms=now_ms)
        now_s[0] += 60
        seen.append(scraped(made)["gigawatt_fleet_energy_joules"][of(method="counter")])
        again = Figures(summary.read, MethodReader(lambda: connect(engine.url)).read)
        assert scraped(again)["gigawatt_fleet_energy_joules"][of(method="counter")] == seen[-1]
    client.command("OPTIMIZE TABLE power_sums FINAL")
    again = Figures(summary.read, MethodReader(lambda: connect(engine.url)).read)
    assert scraped(again)["gigawatt_fleet_energy_joules"][of(method="counter")] == seen[-1]
    assert seen == sorted(seen)
    assert len(set(seen)) == 5


def test_energy_is_of_old_hours_too_and_what_comes_late_to_them_counts_within_the_hour(client, figures):
    """Sums of four days and more ago are added up once an hour."""
    made, _, now_s = figures
    labels = "'north', 'train', 'nvidia', 'h100-sxm', 'counter'"
    insert = "INSERT INTO power_sums (resolution_s, time, site, fleet, platform, model, power_method, energy_j) SELECT"
    client.command(f"{insert} 3600, toStartOfHour(now()) - INTERVAL number HOUR, {labels}, 10.4 FROM numbers(2400)")
    set_budgets(client, [Budget("north", "train", "nvidia", 5000.0, 8, DEFAULTS)])

    def energy():
        return scraped(made)["gigawatt_fleet_energy_joules"][of(method="counter")]

    assert energy() == 2400 * 10.4
    client.command(f"{insert} 3600, toStartOfHour(now()) - INTERVAL 2000 HOUR, {labels}, 7")
    now_s[0] += 60
    assert energy() == 2400 * 10.4
    now_s[0] += 3600
    assert energy() == 2400 * 10.4 + 7


def test_energy_is_not_asked_for_at_every_scrape(stored, figures):
    made, _, now_s = figures
    now_ms = int(time.time() * 1000) // 1000 * 1000
    energy = []
    for number in range(3):
        stored(batch(ts=now_ms - 2000, chip=[f"{number}"], power_w=100.0))
        energy.append(scraped(made)["gigawatt_fleet_energy_joules"][of(method="counter")])
        now_s[0] += 6.0

    assert energy == [100, 100, 300]


def test_a_store_that_does_not_answer_is_said_and_shows_nothing():
    def away():
        raise GigawattError("ClickHouse does not answer")

    told = Figures(away).self_report()
    body = told.reply("/metrics").body.decode()

    assert "\ngigawatt_store_up 0.0\n" in body
    assert "gigawatt_fleet_power_watts{" not in body
    assert told.reply("/readyz")[::2] == (503, b"ClickHouse does not answer\n")
    assert told.reply("/healthz").status == 200

"""The summary's rows, read from a real engine. tests/local/test_up.py reads them of a running stack."""

import json
import time

import pytest

from dashboards.live.reader import SummaryReader
from dashboards.live.rows import (
    MOST,
    Doubtful,
)
from schema.clickhouse import ClickHouseAwayError, connect
from schema.errors import GigawattError
from schema.fleet import Budget
from schema.fleet_limits import DEFAULTS
from schema.migrate import set_budgets
from tests import engine as engines
from tests.batches import batch
from tests.dashboards.rules.world import block, insert_rows


@pytest.fixture
def mortal(tmp_path):
    """Start an engine of the test's own, which it may stop."""
    engine = engines.start(tmp_path / "engine")
    yield engine
    engines.stop(engine)


def test_an_engine_that_ends_is_told_in_a_few_words(mortal):
    """The client's own text names pools, retries and a whole URL."""
    mortal.migrated_client()
    reader = SummaryReader(lambda: connect(mortal.url), fresh_for_s=0)
    assert reader.read().lines == []

    engines.stop(mortal)
    with pytest.raises(ClickHouseAwayError, match=r"^ClickHouse cannot answer \(\[Errno \d+\] [\w ]+\)$"):
        reader.read()
    with pytest.raises(ClickHouseAwayError, match="does not answer"):
        reader.read()


def test_how_old_the_newest_sample_is_is_known_for_three_minutes(mortal):
    """The rate is of the last minute, in which nothing was stored."""
    client, now_ms = mortal.migrated_client(), int(time.time() * 1000)
    insert_rows(client, "ingest_blocks", [block(now_ms - 99_000, (0, 9), newest_ms=now_ms - 100_000)])
    summary = SummaryReader(lambda: connect(mortal.url)).read()

    assert 100 <= summary.freshness_s <= 160
    assert (summary.flow.samples_per_second, summary.flow.delay_p50_s, summary.flow.workers) == (0, None, 0)


def test_of_many_fleets_the_largest_and_the_declared_have_a_line_and_the_rest_is_summed_up(client, engine, stored):
    """However many there are: the answer has a bounded size, and the sums are of all."""
    now_ms = int(time.time() * 1000) // 1000 * 1000
    names = [f"f{number}" for number in range(3 * MOST)]
    for ago in range(1, 20):
        watts = [float(number) for number in range(len(names))]
        stored(batch(ts=now_ms - 1000 * ago, fleet=names, power_w=watts), appended_ms=now_ms)
    set_budgets(client, [Budget("north", "f0", "nvidia", 7.0, 1, DEFAULTS)])

    summary = SummaryReader(lambda: connect(engine.url)).read()

    assert {line.fleet for line in summary.lines} == {"f0", *names[-MOST + 1 :]}
    assert summary.rest.fleets == 2 * MOST
    assert summary.rest.power_w == pytest.approx(sum(range(2 * MOST + 1)))
    assert summary.total.power_w == pytest.approx(sum(range(3 * MOST)))
    assert (summary.rest.chips_reporting, summary.total.chips_reporting) == (2 * MOST, 3 * MOST)
    assert (summary.rest.chips_expected, summary.total.chips_expected) == (2 * MOST, 3 * MOST)
    assert summary.energy_day_j == pytest.approx(19 * sum(range(3 * MOST)))
    assert summary.total.budget_w == 7.0
    assert len(json.dumps(summary.as_json())) < 400_000


def test_a_day_has_twenty_four_hours(engine, stored):
    """To the minute: what ended a little less than a day ago counts, and what ended a little more does not."""
    now_ms, day_ms = int(time.time() * 1000), 24 * 3_600_000
    stored(batch(ts=now_ms - day_ms + 300_000, fleet="a", power_w=100.0), appended_ms=now_ms)
    stored(batch(ts=now_ms - day_ms - 300_000, fleet="a", power_w=1_000.0), appended_ms=now_ms)
    stored(batch(ts=now_ms - 2000, fleet="a", power_w=10.0), appended_ms=now_ms)

    summary = SummaryReader(lambda: connect(engine.url)).read()

    assert summary.energy_day_j == pytest.approx(110.0)


def test_where_all_fleets_have_a_line_nothing_is_left_out(engine, stored):
    stored(batch(ts=int(time.time() * 1000) - 2000, fleet=["a", "b"]))

    summary = SummaryReader(lambda: connect(engine.url)).read()

    assert [line.fleet for line in summary.lines] == ["a", "b"]
    assert (summary.rest.fleets, summary.rest.power_w) == (0, None)
    assert summary.total.power_w == pytest.approx(1000.0)


def test_a_fleet_is_doubtful_as_soon_as_a_chip_of_it_is_stored_twice(engine, client, stored):
    """No minute goes by, and no coverage is asked: here one of two chips is silent, and one is twice there."""
    now_ms = int(time.time() * 1000)
    set_budgets(client, [Budget("north", "train", "nvidia", 1e6, 2)])
    stored(batch(ts=now_ms - 2000, host="a", chip="GPU-0"))
    reader = SummaryReader(lambda: connect(engine.url), fresh_for_s=0)
    (before,) = reader.read().lines
    stored(batch(ts=now_ms - 2000, host="b", chip="GPU-0", power_method="sensor"))
    summary = reader.read()

    assert before.doubtful is None
    assert summary.lines[0].doubtful == Doubtful(1, ["a", "b"], ["counter", "sensor"])
    assert summary.lines[0].second.coverage <= 1
    assert summary.as_json()["lines"][0]["doubtful"] == {
        "chips": 1, "hosts": ["a", "b"], "methods": ["counter", "sensor"]
    }  # fmt: skip
    assert summary.total.doubtful_chips == 1


def test_without_a_schema_it_says_what_to_run(mortal):
    with pytest.raises(GigawattError, match="has no Gigawatt schema yet; run: gigawatt migrate"):
        SummaryReader(lambda: connect(mortal.url, database=None)).read()

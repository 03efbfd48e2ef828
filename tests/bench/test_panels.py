"""Queries are timed on an engine of its own that holds a seeded fleet, here a small one."""

import json

import pytest

from bench.engine import engine
from bench.panels import PanelResult, measure_panels, panel_table
from bench.seed import PARTITIONS, Day, seed
from dashboards.check.asked import Asked, Variable
from schema.clickhouse import connect

SITE = Variable("site", "query", True, True, sql="SELECT DISTINCT site FROM budgets")
FEW = Day(chips=2_000, hours=1, raw_s=5)


def asked(what: str, sql: str, kind: str = "table") -> Asked:
    return Asked("json/one.json", what, kind, sql, 1, "one", (SITE, Variable("chip", "textbox", False, False)))


def test_every_query_is_timed_over_a_day_of_everything():
    queries = [
        asked("variable site", SITE.sql, "variable"),
        asked("sums", "SELECT time FROM power_by_minute WHERE $__timeFilter(time) AND $__conditionalAll(0, $site)"),
        asked("a chip", "SELECT power_w FROM chip_samples WHERE batch_time > $__toTime - 10 AND chip = '$chip'"),
        asked("broken", "SELECT nothing FROM budgets"),
    ]
    said = []

    results = {one.what: one for one in measure_panels(FEW, said.append, runs=2, asked=queries)}

    assert results["variable site"].rows == 4
    assert results["sums"].rows >= 60 * 20
    assert results["a chip"].rows == 5
    assert (results["sums"].limit_ms, results["a chip"].limit_ms) == (300, 500)
    assert 0 < results["sums"].min_ms <= results["sums"].median_ms <= results["sums"].max_ms
    assert "nothing" in results["broken"].error
    assert not results["broken"].holds
    assert json.dumps([one.as_json() for one in results.values()])
    assert any("seeding" in line for line in said)


def test_what_is_seeded_is_a_fleet_as_workers_store_it():
    with engine() as running:
        newest_s = seed(running.url, FEW)
        client = connect(running.url)
        ((rows, mean, high),) = client.query(
            "SELECT count(), avg(coverage), max(coverage) FROM fleet_power WHERE time >= %(since)s",
            parameters={"since": newest_s - 3000},
        ).result_rows
        ((chips, samples),) = client.query(
            "SELECT uniqExact(series), count() FROM series_samples WHERE batch_time > %(since)s",
            parameters={"since": newest_s - 5},
        ).result_rows
        ((partitions, holes),) = client.query(
            "SELECT uniqExact(kafka_partition), countIf(offset_from != before + 1 AND before > 0) FROM (SELECT *,"
            " lagInFrame(offset_to) OVER (PARTITION BY kafka_partition ORDER BY offset_from"
            " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before FROM ingest_blocks)"
        ).result_rows
        client.close()

    assert rows > 3000 * 20
    assert mean == pytest.approx(1, abs=0.03)  # of the smallest fleets, a host that is silent may be the half
    assert high == 1
    assert (samples, samples // 5) == (chips * 5, chips)
    assert (partitions, holes) == (PARTITIONS, 0)


def test_what_is_too_slow_is_told():
    fast = PanelResult("json/one.json", 'panel 1 "Watts"', "stat", 1, 10.0, 20.0, 400.0, 15.0, 300.0)
    slow = PanelResult("json/one.json", 'panel 2 "More"', "stat", 1, 10.0, 301.0, 400.0, 15.0, 300.0)

    (_, first, second) = panel_table([fast, slow])
    assert first == ['one.json panel 1 "Watts"', "1", "10", "20", "400", "15", "300", "holds"]
    assert second[-1] == "TOO SLOW"

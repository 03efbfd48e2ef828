"""Boards, the page and `gigawatt top` give one answer to one question, at one moment."""

import time

import pytest

from dashboards.boards import fleet_power
from dashboards.live.reader import SummaryReader
from schema.clickhouse import connect
from tests.dashboards.asking import as_json, ask, view
from tests.dashboards.seeding import GPU, TPU, TRN, Group, Window, budgets, inventory, windows

BOARD = as_json(fleet_power.build())
SILENT = Group("iowa", "reserve", "tpu", "tpu-v7", "model")
LAB = Group("home", "lab", "nvidia", "h100-sxm", "sensor")
LEFT = Group("home", "trial", "amd", "mi300x", "sensor")
NEW = Group("virginia", "new", "nvidia", "h100-sxm", "counter")


@pytest.fixture(autouse=True)
def now_s(client) -> int:
    """Seed fleets with and without a budget, one that is silent, one that left, one of minutes and one that is new."""
    now_s = int(time.time())
    budgets(client, {GPU: (60_000, 100), TPU: (40_000, 100), TRN: (30_000, 50), SILENT: (1e6, 1000), NEW: (9e4, 120)})
    windows(
        client,
        [
            *(Window(now_s - age, GPU, error_w=3.0) for age in range(2, 170)),
            *(Window(now_s - age, TPU, chips=50.0, chip_w=200.0, error_w=10.0) for age in range(2, 170)),
            *(Window(now_s - age, TRN, chips=50.0, chip_w=400.0, every_s=60.0) for age in range(61, 170)),
            *(Window(now_s - age, TRN, chips=20.0, chip_w=400.0, every_s=60.0) for age in range(1, 61)),
            *(Window(now_s - age, LAB, chips=8.0) for age in range(2, 170)),
            *(Window(now_s - age, LEFT, chips=8.0) for age in range(120, 170)),
            *(Window(now_s - age, NEW) for age in range(2, 7)),
            *(Window(now_s // 3600 * 3600, group, chips=8.0, resolution_s=3600) for group in (LAB, LEFT)),
        ],
    )
    for group in (LAB, LEFT):
        inventory(client, group, 8, now_s - 170, now_s - (120 if group is LEFT else 2))
    return now_s


def test_boards_and_top_show_the_same_power_budget_coverage_and_chips(client, engine):
    summary = SummaryReader(lambda: connect(engine.url)).read()
    (board,) = ask(client, BOARD, "All chosen fleets", view(int(summary.now)))
    total = summary.total

    assert board["power_w"] == pytest.approx(total.power_w)
    assert board["power_w"] == pytest.approx(50_000 + 20_000 + 20_000 + 4_000 + 4_000 + 60_000)
    assert board["error_w"] == pytest.approx(total.power_error_w)
    assert board["unbudgeted_w"] == pytest.approx(total.unbudgeted_w) == pytest.approx(8_000)
    assert board["budget_total_w"] == pytest.approx(total.budget_w)
    assert board["headroom_w"] == pytest.approx(sum(line.headroom_w or 0 for line in summary.lines))
    assert board["coverage"] == pytest.approx(total.coverage)
    assert board["missing_chips"] == pytest.approx(total.chips_expected - total.chips_reporting)


def test_each_fleet_is_alike_in_the_table_and_in_top(client, engine):
    summary = SummaryReader(lambda: connect(engine.url)).read()
    table = {
        (row["site"], row["fleet"], row["platform"]): row
        for row in ask(client, BOARD, "Fleets and platforms", view(int(summary.now)))
    }

    assert {(line.site, line.fleet, line.platform) for line in summary.lines} == set(table)
    for line in summary.lines:
        row = table[line.site, line.fleet, line.platform]
        assert row["power_w"] == (line.second and pytest.approx(line.second.corrected_w))
        assert row["budget_w"] == line.budget_w
        assert row["age_s"] == (line.second and int(summary.now) - line.second.time - 1)
        assert (row["state"] == "not heard of") == line.old
        assert (row["state"] == "silent") == (line.second is None)


def test_the_last_point_of_the_chart_has_the_power_of_then(client, now_s):
    """It ends where the slowest of those that report is complete; the fleet that left has a line of its own."""
    rows = ask(client, BOARD, "Power against budget", view(now_s))
    last = rows[-1]

    assert last["time"] == now_s - 61
    assert last["power_w"] == pytest.approx(50_000 + 20_000 + 20_000 + 4_000)
    assert last["with_silent_w"] == pytest.approx(last["power_w"] + 4_000)
    assert last["budgeted_w"] == pytest.approx(last["power_w"] - 4_000)
    assert last["budget_w"] == pytest.approx(60_000 + 40_000 + 30_000 + 1e6 + 9e4)


def test_the_newest_complete_second_is_the_same_alone(client, now_s):
    """Whoever asks for nothing else gets it without the rest, and of the fleets that have one."""
    columns = "site, fleet, platform, time, heard, cadence_s"
    asked = f"SELECT {columns} FROM {{}}(at = toDateTime({now_s}, 'UTC')) WHERE time IS NOT NULL ORDER BY ALL"
    alone = client.query(asked.format("newest_seconds_at")).result_rows

    assert len(alone) == 6
    assert alone == client.query(asked.format("fleets_at")).result_rows

"""What the views beyond the contract answer, on the real engine."""

import datetime as dt
import time

import pytest
from clickhouse_connect.driver.client import Client

from schema.fleet import Budget
from schema.migrate import set_budgets
from tests.batches import batch

MINUTE_MS = (int(time.time()) // 60 - 5) * 60_000


def rows(client: Client, sql: str) -> list[tuple]:
    return [tuple(row) for row in client.query(sql).result_rows]


def test_a_minutes_window_is_the_mean_of_its_seconds(client, stored):
    set_budgets(client, [Budget("north", "train", "nvidia", 1e6, 2)])
    for second in range(60):
        stored(
            batch(
                ts=MINUTE_MS + 1000 * (second + 1),
                power_w=[100.0 + second, 300.0],
                chip=["a", "b"],
                utilization=[0.5, 0.01],
            )
        )

    (minute,) = rows(
        client,
        "SELECT power_w, chips_reporting, coverage, utilization, idle_w, idle_chips, energy_j FROM fleet_power_windows"
        " WHERE resolution_s = 60",
    )
    assert minute == pytest.approx((129.5 + 300, 2, 1, 0.255, 300, 1, 60 * 429.5), rel=1e-6)
    seconds = rows(client, "SELECT power_w FROM fleet_power_windows WHERE resolution_s = 1 ORDER BY time")
    assert seconds == rows(client, "SELECT power_w FROM fleet_power ORDER BY time")
    assert len(seconds) == 60


def test_shares_of_throttled_chips_are_of_those_that_say_so(client, stored):
    stored(batch(ts=MINUTE_MS, throttle=[0, 1, 2, None], chip=["a", "b", "c", "d"]))

    shares = "power_capped_share, thermal_share, hardware_throttled_share"
    (row,) = rows(client, f"SELECT {shares} FROM fleet_power_windows WHERE resolution_s = 1")
    assert row == pytest.approx((1 / 3, 1 / 3, 0.0))


def test_a_fleet_file_loaded_again_is_no_change_of_capacity(client):
    for budget_w, chips in ((2e6, 10), (2e6, 10), (3e6, 10), (3e6, 12)):
        set_budgets(
            client, [Budget("north", "train", "nvidia", budget_w, chips), Budget("south", "train", "tpu", 1e6, 4)]
        )

    changes = rows(client, "SELECT site, text FROM capacity_changes ORDER BY time, site, text")
    assert sorted(changes) == [
        ("north", "10 to 12 chips"),
        ("north", "budget 2 MW to 3 MW "),
        ("north", "budget 2 MW, 10 chips"),
        ("south", "budget 1 MW, 4 chips"),
    ]


def test_budgets_tell_their_limits(client):
    set_budgets(client, [Budget("north", "train", "nvidia", 1e6, 2)])

    assert rows(client, "SELECT limits['coverage_share'], limits['nobody_set_this'] FROM budgets") == [(0.9, 0.0)]


def test_a_chip_is_found_in_the_raw_samples_by_its_series_and_its_rack(client, stored):
    stored(batch(ts=MINUTE_MS, chip=["a", "b"], power_w=[100.0, 200.0]), batch(ts=MINUTE_MS, host="other", chip="c"))

    ((series, host_key),) = rows(client, "SELECT series, host_key FROM chip_names WHERE chip = 'b'")
    found = rows(
        client,
        f"SELECT ts, power_w FROM series_samples WHERE series = {series} AND site = 'north'"
        f" AND host_key <= {host_key} AND host_key_last >= {host_key}",
    )
    assert found == [(dt.datetime.fromtimestamp(MINUTE_MS / 1000, dt.UTC).replace(tzinfo=None), 200.0)]
    assert rows(client, "SELECT power_w FROM chip_samples WHERE chip = 'b'") == [(200.0,)]

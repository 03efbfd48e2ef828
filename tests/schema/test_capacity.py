"""What was expected and budgeted then, and of which chips power is expected, on the real engine."""

import datetime as dt
import time
from collections.abc import Sequence

import pytest
from clickhouse_connect.driver.client import Client

from schema.fleet import Budget
from schema.migrate import set_budgets
from tests.batches import batch

HOUR_MS = 3_600_000
NOW_MS = int(time.time()) // 3600 * HOUR_MS
FLEET = ("north", "train", "nvidia")


def at(ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC)


def load(client: Client, ms: int, *budgets: Budget) -> None:
    """Load a fleet file at another time than now."""
    set_budgets(client, budgets, now=at(ms))


def budget(megawatts: float, chips: int, fleet: str = "train") -> Budget:
    return Budget("north", fleet, "nvidia", megawatts * 1e6, chips, {"idle_share": 0.5})


def windows(client: Client, columns: str, resolution_s: int = 1, fleet: str = "train") -> list[tuple]:
    where = f"resolution_s = {resolution_s} AND fleet = '{fleet}'"
    rows = client.query(f"SELECT {columns} FROM fleet_power_windows WHERE {where} ORDER BY time").result_rows
    return [tuple(row) for row in rows]


def sample(ms: int, power_w: Sequence[float | None], **other: object):
    return batch(ts=ms, power_w=list(power_w), chip=[f"c{number}" for number in range(len(power_w))], **other)


class TestAsOfThen:
    def test_a_fleet_that_grows_leaves_the_figures_of_before_alone(self, client, stored):
        load(client, NOW_MS - 50 * HOUR_MS, budget(1, 2))
        load(client, NOW_MS - 10 * HOUR_MS, budget(3, 4))
        stored(sample(NOW_MS - 20 * HOUR_MS, [100.0, 100.0]), sample(NOW_MS - 5 * HOUR_MS, [100.0, 100.0]))

        found = windows(client, "chips_expected, coverage, power_estimated_w, budget_w")
        assert found == [(2, 1, 200, 1e6), (4, 0.5, 400, 3e6)]

    def test_the_first_budget_holds_for_samples_that_were_read_again_from_before(self, client, stored):
        load(client, NOW_MS - 10 * HOUR_MS, budget(1, 2))
        stored(sample(NOW_MS - 20 * HOUR_MS, [100.0]))

        assert windows(client, "chips_expected, coverage, budget_w") == [(2, 0.5, 1e6)]

    def test_what_was_reported_before_the_first_budget_is_held_against_the_inventory(self, client, stored):
        stored(sample(NOW_MS - 20 * HOUR_MS, [100.0, 300.0]))
        client.insert(
            "label_rulings",
            [[*FLEET, "h100-sxm", 1, "commit", at(NOW_MS - 20 * HOUR_MS)]],
            column_names=["site", "fleet", "platform", "model", "counts", "commit_id", "ruled_at"],
        )
        load(client, NOW_MS - 10 * HOUR_MS, budget(1, 4000))
        stored(sample(NOW_MS - 5 * HOUR_MS, [100.0, 300.0]))

        found = windows(client, "chips_expected, coverage, power_estimated_w, budget_w")
        assert found == [(2, 1, 400, None), (4000, 0.0005, 800_000, 1e6)]

    def test_a_fleet_that_the_file_names_no_more_has_no_budget_from_then_on(self, client, stored):
        load(client, NOW_MS - 50 * HOUR_MS, budget(1, 4), budget(1, 1, "other"))
        load(client, NOW_MS - 10 * HOUR_MS, budget(1, 1, "other"))
        load(client, NOW_MS - 9 * HOUR_MS, budget(1, 1, "other"))
        stored(sample(NOW_MS - 20 * HOUR_MS, [100.0, 100.0]), sample(NOW_MS - 5 * HOUR_MS, [100.0, 100.0]))

        assert windows(client, "chips_expected, coverage, budget_w") == [(4, 0.5, 1e6), (2, 1, None)]

    def test_chips_that_nobody_planned_are_expected_until_a_day_after_their_last_sample(self, client, stored):
        for hours, chips in ((60, 2), (50, 3), (20, 1)):
            stored(sample(NOW_MS - hours * HOUR_MS, [100.0] * chips), appended_ms=NOW_MS - hours * HOUR_MS)

        assert windows(client, "chips_expected, coverage") == [(2, 1), (3, 1), (1, 1)]

    def test_a_first_sample_of_a_minute_is_of_an_expected_chip_as_long_as_it_lasts(self, client, stored):
        stored(sample(NOW_MS - HOUR_MS, [100.0], interval_ms=60_000))

        assert set(windows(client, "chips_expected, coverage")) == {(1, 1)}
        assert windows(client, "chips_expected, coverage", 60) == [(1, 1)]

    def test_budgets_are_those_of_an_instant(self, client):
        load(client, NOW_MS - 50 * HOUR_MS, budget(1, 2), budget(5, 5, "other"))
        load(client, NOW_MS - 10 * HOUR_MS, budget(3, 4))

        def budgets(hours: int) -> list[tuple]:
            columns = "fleet, budget_w, chips_expected, limits['idle_share']"
            sql = f"SELECT {columns} FROM budgets_at(at = {{at:DateTime('UTC')}}) ORDER BY fleet"
            return [tuple(row) for row in client.query(sql, {"at": at(NOW_MS - hours * HOUR_MS)}).result_rows]

        assert budgets(60) == budgets(20) == [("other", 5e6, 5, 0.5), ("train", 1e6, 2, 0.5)]
        assert budgets(1) == [("train", 3e6, 4, 0.5)]

    def test_a_file_that_is_loaded_at_each_start_makes_no_steps(self, client):
        for hours in range(50, 0, -1):
            load(client, NOW_MS - hours * HOUR_MS, budget(1, 2))

        assert [row[0] for row in client.query("SELECT count() FROM budget_loads").result_rows] == [1]


class TestPowerThatIsExpected:
    """Of four dies two have no sensor: the fleet draws what the others show, and nothing is missing."""

    DIES = (350.0, None, 350.0, None)

    @pytest.mark.parametrize("planned", [True, False])
    def test_a_chip_that_states_no_power_by_its_nature_is_not_missing(self, client, stored, planned):
        if planned:
            load(client, NOW_MS - 50 * HOUR_MS, budget(1, 4))
        stored(sample(NOW_MS - HOUR_MS, self.DIES, model="mi250x", power_error_w=[5.0, None, 5.0, None]))

        found = windows(
            client,
            "power_w, power_estimated_w, coverage, chips_reporting, chips_expected, power_chips_reporting,"
            " power_chips_expected, power_error_w",
        )
        assert found == [(700, 700, 1, 4, 4, 2, 2, pytest.approx(50**0.5))]

    @pytest.mark.parametrize("planned", [True, False])
    def test_a_chip_that_once_stated_its_power_is_missed_when_it_does_no_more(self, client, stored, planned):
        if planned:
            load(client, NOW_MS - 50 * HOUR_MS, budget(1, 4))
        stored(sample(NOW_MS - 2 * HOUR_MS, [350.0, None, 350.0, None], model="mi250x"))
        stored(sample(NOW_MS - HOUR_MS, [350.0, None, None, None], model="mi250x"))

        assert windows(client, "power_estimated_w, coverage") == [(700, 1), (700, 0.5)]

    def test_a_chip_of_a_model_that_always_states_its_power_is_missed_from_the_first(self, client, stored):
        stored(sample(NOW_MS - HOUR_MS, [350.0, None], model="h100-sxm"))

        assert windows(client, "power_estimated_w, coverage") == [(700, 0.5)]

    def test_a_chip_that_is_silent_is_missed_whether_it_states_power_or_not(self, client, stored):
        load(client, NOW_MS - 50 * HOUR_MS, budget(1, 4))
        stored(sample(NOW_MS - 2 * HOUR_MS, self.DIES, model="mi250x"))
        stored(sample(NOW_MS - HOUR_MS, self.DIES[:2], model="mi250x"))

        found = windows(client, "chips_reporting, chips_expected, coverage")
        assert found == [(4, 4, 1), (2, 4, 0.5)]

    def test_a_fleet_of_which_no_chip_states_power_has_no_coverage(self, client, stored):
        stored(sample(NOW_MS - HOUR_MS, [None, None], model="grid-a100-10c"))

        found = windows(client, "chips_reporting, chips_expected, coverage, power_estimated_w")
        assert found == [(2, 2, None, None)]

    def test_a_chip_without_power_that_moves_is_one_chip(self, client, stored):
        load(client, NOW_MS - 50 * HOUR_MS, budget(1, 4))
        for host in ("h1", "h2"):
            stored(sample(NOW_MS - HOUR_MS, self.DIES, model="mi250x", host=host))

        ((expected,),) = client.query("SELECT power_chips_expected FROM capacity_at(at = now())").result_rows
        assert expected == 2

"""What each fleet draws at an instant, on the real engine: which second is complete, and who is still heard."""

import time

import pytest
from clickhouse_connect.driver.client import Client

from tests.dashboards.rules.world import block, insert_rows
from tests.dashboards.seeding import GPU, TPU, TRN, Window, budgets, windows

T = int(time.time()) // 3600 * 3600 - 7200
MINUTELY = 60.0


def fleets(client: Client, columns: str, at: int = T) -> dict[str, tuple]:
    """Return columns of each fleet, by its platform."""
    rows = client.query(f"SELECT platform, {columns} FROM fleets_at(at = toDateTime({at}, 'UTC'))").result_rows
    return {platform: tuple(values) for platform, *values in rows}


def stored_until(client: Client, at: int) -> None:
    """Say that the newest sample of all that is stored ended then."""
    insert_rows(client, "ingest_blocks", [block(at * 1000, (0, 9), newest_ms=at * 1000)])


@pytest.fixture(autouse=True)
def planned(client):
    budgets(client, {GPU: (60_000, 100), TRN: (30_000, 100)})


def test_half_a_second_is_not_shown(client):
    windows(client, [Window(T - 3, GPU), Window(T - 2, GPU), Window(T - 1, GPU, chips=40.0)])

    assert fleets(client, "age_s, chips_reporting, power_w")["nvidia"] == (1, 100, 50_000)


def test_a_minute_of_trainium_is_waited_for(client):
    filling = [Window(T - age, TRN, chips=min(100.0, age * 100 / 60), every_s=MINUTELY) for age in range(1, 170)]
    windows(client, filling)

    assert fleets(client, "age_s, cadence_s, heard")["trainium"] == (58, pytest.approx(60, rel=0.2), True)


def test_chips_that_fell_silent_are_not_hidden(client):
    """What would have been reported by now is waited for no longer."""
    windows(client, [Window(T - age, GPU, chips=100.0 if age > 20 else 60.0) for age in range(1, 170)])

    assert fleets(client, "age_s, chips_reporting, coverage")["nvidia"] == (6, 60, 0.6)


def test_a_stalled_worker_does_not_look_like_missing_chips(client):
    """What is settled counts from the newest stored sample, and not from the clock."""
    windows(client, [Window(T - 40, GPU), Window(T - 39, GPU), Window(T - 38, GPU, chips=30.0)])
    stored_until(client, T - 37)

    assert fleets(client, "age_s, chips_reporting")["nvidia"] == (38, 100)


def test_a_fleet_is_heard_until_two_samples_and_half_a_minute_are_missing(client):
    """By its own cadence: a minute of Trainium that is two minutes old is of now."""
    windows(client, [*(Window(T - age, GPU) for age in range(40, 60)), Window(T - 40, TPU, every_s=MINUTELY)])
    windows(client, [Window(T - age, TRN, every_s=MINUTELY) for age in range(120, 170)])

    assert fleets(client, "heard") == {"nvidia": (False,), "trainium": (True,), "tpu": (True,)}
    assert fleets(client, "heard", T + 40)["trainium"] == (False,)


def test_where_nothing_is_stored_any_more_nobody_is_heard(client):
    """Trainium would not be missed for a while yet, but nothing is known of it either."""
    windows(client, [Window(T - 40, GPU), *(Window(T - age, TRN, every_s=MINUTELY) for age in range(100, 170))])
    stored_until(client, T - 39)

    assert fleets(client, "heard") == {"nvidia": (False,), "trainium": (False,)}


def test_what_was_stored_later_is_no_silence_of_then(client):
    """Whoever looks back, or reads recordings again, has all of it."""
    windows(client, [Window(T - age, GPU) for age in range(2, 170)])
    for stored_at, newest in ((T - 100, T - 101), (T + 5000, T - 1)):
        insert_rows(client, "ingest_blocks", [block(stored_at * 1000, (0, 9), newest_ms=newest * 1000)])

    assert fleets(client, "age_s, heard")["nvidia"] == (1, True)


def test_a_silent_fleet_is_there_with_what_is_expected_of_it(client):
    found = fleets(client, "time, power_w, power_estimated_w, heard, budget_w, chips_expected, power_chips_expected")

    assert found["nvidia"] == (None, None, None, False, 60_000, 100, 100)


def test_limits_are_those_of_the_fleet_file(client):
    assert fleets(client, "limits['coverage_share']")["nvidia"] == (0.9,)

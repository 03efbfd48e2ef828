"""The strongest oscillation, on power of which frequency and size are known."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from schema.fleet import Budget
from schema.migrate import set_budgets

CHIPS = 100
BUDGET_W = 50_000.0
PERIODIC_SHARE = 0.5
"""Share of the variance from which on power oscillates, as `oscillations_at` says with `steady`."""
RANDOM = np.random.default_rng(7)


def sine(size: float, frequency_hz: float, trend: float = 0.0) -> Callable[[np.ndarray], np.ndarray]:
    return lambda t: 0.6 + size / 2 * np.sin(2 * np.pi * frequency_hz * t + 1) + trend * t / 128


def uneven(t: np.ndarray) -> np.ndarray:
    """Return the power of a job whose steps of about 8 s differ in length: it computes for two thirds of each."""
    power, at = np.zeros(len(t)), 0.0
    while at < t[-1]:
        step_s = 8 * (1 + 0.05 * RANDOM.standard_normal())
        power[(t >= at) & (t < at + 2 / 3 * step_s)] = 0.2
        at += step_s
    return 0.5 + power


FLEETS = {
    "bin": sine(0.1, 16 / 128),
    "between": sine(0.1, 16.5 / 128),
    "fast": sine(0.1, 0.47),
    "slow": sine(0.1, 5 / 128, trend=0.2),
    "drift": sine(0.1, 1 / 128),
    "square": lambda t: 0.6 + 0.05 * np.sign(np.sin(2 * np.pi * t / 9.3)),
    "uneven": uneven,
    "step": lambda t: np.where(t < 60, 0.2, 0.9),
    "dip": lambda t: np.where((t > 60) & (t < 75), 0.2, 0.9),
    "noise": lambda t: 0.6 + 0.02 * RANDOM.standard_normal(len(t)),
    "hole": sine(0.1, 16 / 128),
    "fading": sine(0.1, 16 / 128),
    "minutely": sine(0.1, 16 / 128),
}


@pytest.fixture(scope="module")
def heard(engine) -> dict[str, tuple[float, float, float]]:
    """Return frequency, size as a share of the budget, and share of the variance, of each fleet that has them."""
    client = engine.migrated_client()
    until = int(time.time()) - 60
    t = np.arange(-20, 140)
    for fleet, power in FLEETS.items():
        _insert(client, until, fleet, t, power(t) * BUDGET_W)
    set_budgets(client, [Budget("north", fleet, "nvidia", BUDGET_W, CHIPS) for fleet in FLEETS])
    view = f"oscillations_at(at = toDateTime({until}, 'UTC'))"
    rows = client.query(f"SELECT fleet, frequency_hz, size_w / budget_w, share FROM {view}").result_rows
    client.close()
    return {fleet: numbers for fleet, *numbers in rows}


def _insert(client: Client, until: int, fleet: str, t: np.ndarray, power_w: np.ndarray) -> None:
    rows = []
    for second, watts in zip(t.tolist(), power_w.tolist(), strict=True):
        chips = CHIPS * (0.93 if fleet == "fading" and second > 60 else 1)
        samples = chips if fleet != "minutely" else chips / 60
        if not (fleet == "hole" and second == 50):
            rows.append([1, until - 138 + second, "north", fleet, "nvidia", "m", "counter", watts, chips, int(samples)])
    names = ["resolution_s", "time", "site", "fleet", "platform", "model", "power_method"]
    client.insert("power_sums", rows, column_names=[*names, "energy_j", "chip_seconds", "samples"])


@pytest.mark.parametrize(("fleet", "frequency_hz"), [("bin", 16 / 128), ("slow", 5 / 128), ("fast", 60 / 128)])
def test_a_sine_is_heard_with_its_frequency_and_size(heard, fleet, frequency_hz):
    """A trend below it changes nothing."""
    assert heard[fleet][0] == pytest.approx(frequency_hz)
    assert heard[fleet][1] == pytest.approx(0.1, rel=0.05)
    assert heard[fleet][2] > 0.9


def test_between_two_frequencies_some_of_the_size_is_lost(heard):
    assert 0.083 < heard["between"][1] < 0.1


@pytest.mark.parametrize(("fleet", "period_s"), [("square", 9.3), ("uneven", 8.0)])
def test_steps_of_a_job_are_periodic(heard, fleet, period_s):
    assert 1 / heard[fleet][0] == pytest.approx(period_s, rel=0.1)
    assert heard[fleet][2] >= PERIODIC_SHARE


@pytest.mark.parametrize("fleet", ["step", "dip", "noise", "drift"])
def test_what_has_all_frequencies_or_none_is_not(heard, fleet):
    assert heard[fleet][2] < 0.45


def test_a_fleet_of_which_a_second_or_chips_are_missing_is_left_out(heard):
    assert set(heard) == set(FLEETS) - {"hole", "fading", "minutely"}

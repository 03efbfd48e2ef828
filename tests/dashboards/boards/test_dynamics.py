"""Power dynamics' panels on the real engine: changes are told where they were, and gaps are no changes."""

import math
import time

import pytest

from dashboards.boards import dynamics
from schema.fleet import Budget
from schema.migrate import set_budgets
from tests.batches import batch
from tests.dashboards.asking import as_json, ask, view

# Raw samples are kept for three days: nothing may be long ago.
T = int(time.time()) // 60 * 60 - 1200
BOARD = as_json(dynamics.build())
LINES = ("Ramp over 1 s", "Ramp over 10 s", "Ramp over 60 s", "Swing within a minute")


def watts(levels, *, begin=T, chips=4, interval_s=1, **fields):
    """Return samples of some chips that draw these watts together, one after the other from `begin` on."""
    rows = [
        (begin + (n + 1) * interval_s, chip, level / chips) for n, level in enumerate(levels) for chip in range(chips)
    ]
    return batch(
        ts=[at * 1000 for at, _, _ in rows],
        interval_ms=interval_s * 1000,
        chip=[f"{fields.get('fleet', 'train')}/{chip}" for _, chip, _ in rows],
        power_w=[power_w for *_, power_w in rows],
        **fields,
    )


LIMITS = {"ramp_share": 0.1, "drop_share": 0.3, "oscillation_share": 0.1, "coverage_share": 0.9}


def planned(client, *, chips=4, budget_w=20_000.0, fleets=("train",), platform="nvidia", **limits):
    budgets = [Budget("north", fleet, platform, budget_w, chips) for fleet in fleets]
    set_budgets(client, [one._replace(limits={**LIMITS, **limits}) for one in budgets])


def known(client, panel, of):
    """Return the rows of a panel in which something is known."""
    return [row for row in ask(client, BOARD, panel, of) if None not in row.values()]


def line(client, panel, until=T + 600, **variables):
    """Return the points of a panel that has one line, by seconds since `T`; it ends where nothing is known."""
    rows = known(client, panel, view(until, **variables))
    assert len({row["series"] for row in rows}) <= 1
    (value,) = {name for row in rows for name in row} - {"time", "series"} or {""}
    return {row["time"] - T: row[value] for row in rows}


def table(client, panel, until=T + 600, **variables):
    """Return the rows of a table; times are seconds since `T`."""
    return [
        {name: int(value.timestamp()) - T if hasattr(value, "timestamp") else value for name, value in row.items()}
        for row in ask(client, BOARD, panel, view(until, **variables))
    ]


def test_a_step_is_a_ramp_of_its_size_over_each_time(client, stored):
    """1,000 W more from second 120 on."""
    planned(client)
    stored(watts([2000.0] * 120 + [3000.0] * 120))

    for panel, lag_s in (("Ramp over 1 s", 1), ("Ramp over 10 s", 10), ("Ramp over 60 s", 60)):
        ramps = line(client, panel)
        assert {at: ramp for at, ramp in ramps.items() if ramp} == pytest.approx(
            dict.fromkeys(range(120, 120 + lag_s), 1000 / lag_s)
        )
        assert len(ramps) == 240 - lag_s


def test_a_fall_has_a_sign_and_the_steepest_of_an_interval_is_kept(client, stored):
    """A rise of 100 W and, two seconds later, a fall of 500 W: over six hours both are in one interval."""
    planned(client)
    stored(watts([2000.0] * 60 + [2100.0] * 2 + [1600.0] * 58))

    rows = known(client, "Ramp over 1 s", view(T + 600, 6 * 3600))
    assert min(row["ramp"] for row in rows) == pytest.approx(-500)
    assert max(row["ramp"] for row in rows) == 0


def test_a_gap_in_the_telemetry_is_no_ramp(client, stored):
    """Nothing is known of five seconds, and after them of twice the power: what happened in between was not seen."""
    planned(client)
    stored(watts([2000.0] * 90), watts([4000.0] * 90, begin=T + 95))

    for panel in LINES:
        assert set(line(client, panel).values()) - {None} == {0.0}
    assert table(client, "Drops within ten seconds") == []
    (row,) = table(client, "Steepest change of each fleet")
    assert (row["rise_w_per_s"], row["drop"]) == (0, 0)


def test_chips_that_fall_silent_are_no_drop(client, stored):
    """Half of the chips stop to report, and they drew more than the other half."""
    planned(client, chips=8)
    stored(watts([2000.0] * 180), watts([8000.0] * 90, chips=4, host="host-1", job="b", model="h200-sxm"))

    for panel in LINES:
        assert set(line(client, panel).values()) <= {0.0}
    assert table(client, "Drops within ten seconds") == []


def test_a_few_chips_that_fall_silent_are_no_ramp(client, stored):
    """Coverage goes from 100 to 96 %, which is enough of them, but not the same chips: those four drew nothing."""
    planned(client, chips=100)
    stored(watts([48_000.0] * 120, chips=96), watts([0.0] * 60, chips=4, host="host-1", fleet="train", model="b200"))

    assert set(line(client, "Ramp over 1 s").values()) == {0.0}
    assert len(line(client, "Ramp over 1 s")) == 118


def test_what_is_sampled_every_minute_has_ramps_of_a_minute_alone(client, stored):
    """A Trainium device tells the mean of each minute: 600, then 1,200 W."""
    planned(client, platform="trainium")
    stored(watts([600.0] * 5 + [1200.0] * 5, interval_s=60, platform="trainium", model="trn2"))

    assert line(client, "Ramp over 1 s") == line(client, "Ramp over 10 s") == {}
    assert line(client, "Swing within a minute") == {}
    assert table(client, "Steepest change of each fleet") == table(client, "Strongest oscillation") == []
    ramps = line(client, "Ramp over 60 s", until=T + 660)
    assert {at: ramp for at, ramp in ramps.items() if ramp} == pytest.approx(dict.fromkeys(range(300, 360), 10.0))


def test_from_minute_to_minute_is_between_means(client, stored):
    """Means of 1,000 W, then 1,600 W; the minute that has just begun is not complete."""
    planned(client)
    stored(watts([1000.0] * 120 + [1600.0] * 120 + [8000.0] * 30))

    changes = {at: ramp for at, ramp in line(client, "Change from minute to minute", until=T + 270).items() if ramp}
    assert changes == pytest.approx({120: 10.0})


def test_swing_is_from_trough_to_peak_of_whole_minutes(client, stored):
    """Between 900 and 1,100 W in the first minute, steady in the second, and the third is not over."""
    planned(client)
    stored(watts([1000.0 + 100 * (-1) ** n for n in range(60)] + [1000.0] * 60 + [0.0, 9000.0] * 15))

    assert line(client, "Swing within a minute") == pytest.approx({0: 200.0, 60: 0.0})


def test_ramp_of_a_site_is_the_sum_of_its_fleets(client, stored):
    """One rises by 500 W while the other falls by 300 W: 20 W/s over ten seconds."""
    planned(client, fleets=("train", "serve"))
    stored(watts([1000.0] * 60 + [1500.0] * 60), watts([1000.0] * 60 + [700.0] * 60, fleet="serve"))

    ramps = {at: ramp for at, ramp in line(client, "Ramp of whole sites over 10 s").items() if round(ramp, 9)}
    assert ramps == pytest.approx(dict.fromkeys(range(60, 70), 20.0))
    alone = line(client, "Ramp of whole sites over 10 s", fleet=["serve"])
    assert {at: ramp for at, ramp in alone.items() if ramp} == pytest.approx(dict.fromkeys(range(60, 70), -30.0))


def test_the_steepest_change_is_held_against_the_fleets_limits(client, stored):
    """2,000 W more within ten seconds: 200 W/s, of 10 % of 20 kW a second. A loss of 40 %, where 30 % days)."""
    planned(client)
    stored(watts([8000.0] * 60 + [10_000.0] * 60 + [6000.0] * 60))

    (row,) = table(client, "Steepest change of each fleet")
    assert row == {
        "site": "north", "fleet": "train", "platform": "nvidia",
        "rise_w_per_s": pytest.approx(200), "rise_of_limit": pytest.approx(0.1), "rose_at": 60,
        "drop": pytest.approx(0.4), "drop_of_limit": pytest.approx(0.4 / 0.3), "dropped_at": 120,
    }  # fmt: skip


def test_a_fleet_without_a_budget_has_ramps_and_no_limit(client, stored):
    stored(watts([1000.0] * 60 + [2000.0] * 60))

    (row,) = table(client, "Steepest change of each fleet")
    assert (row["rise_w_per_s"], row["rise_of_limit"]) == (pytest.approx(100), None)


def test_drops_are_told_once_with_how_many_of_the_site_dropped_at_once(client, stored):
    """Two fleets lose half within four seconds, a third only a fifth, and another one drops alone a minute later."""
    planned(client, fleets=("train", "serve", "lab", "batch"), budget_w=2000.0)
    half = {"train": 100, "serve": 104, "batch": 170}
    stored(*[watts([2000.0] * at + [1000.0] * (240 - at), fleet=fleet) for fleet, at in half.items()])
    stored(watts([2000.0] * 100 + [1600.0] * 140, fleet="lab"))

    rows = table(client, "Drops within ten seconds")
    assert [(row["dropped_at"], row["fleet"], row["fleets_together"]) for row in rows] == [
        (170, "batch", 1), (104, "serve", 2), (100, "train", 2)
    ]  # fmt: skip
    assert {(row["before_w"], row["lost_w"], row["lost"]) for row in rows} == {(2000.0, 1000.0, 0.5)}


def test_drops_go_by_the_fleets_own_limit(client, stored):
    planned(client, drop_share=0.6)
    stored(watts([20_000.0] * 100 + [10_000.0] * 100))

    assert table(client, "Drops within ten seconds") == []


def test_an_oscillation_is_told_with_frequency_and_size(client, stored):
    """A period of eight seconds, 800 W from trough to peak: of 10 % of 20 kW."""
    planned(client)
    stored(watts([4000.0 + 400 * math.sin(2 * math.pi * n / 8) for n in range(150)]))

    (row,) = table(client, "Strongest oscillation", until=T + 150)
    assert row == {
        "site": "north", "fleet": "train", "platform": "nvidia", "frequency_hz": 0.125, "period_s": 8.0,
        "size_w": pytest.approx(800, rel=0.02), "size_of_limit": pytest.approx(0.4, rel=0.02),
        "share": pytest.approx(1.0, abs=0.05), "rhythm": "steady",
    }  # fmt: skip


def test_a_step_has_no_rhythm(client, stored):
    planned(client)
    stored(watts([4000.0] * 75 + [6000.0] * 75))

    (row,) = table(client, "Strongest oscillation", until=T + 150)
    assert (row["rhythm"], row["size_of_limit"]) == ("none", None)


def test_seconds_are_of_the_newest_hour(client, stored):
    """A step more than an hour before the end of the range is seen in minutes, not in seconds."""
    planned(client)
    stored(watts([2000.0] * 60 + [3000.0] * 120))

    assert known(client, "Ramp over 1 s", view(T + 3700 + 180, 7200)) == []
    changes = known(client, "Change from minute to minute", view(T + 3700 + 180, 7200))
    assert max(row["ramp"] for row in changes) == pytest.approx(1000 / 60)

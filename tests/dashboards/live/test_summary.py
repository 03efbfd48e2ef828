import dataclasses
import json

import pytest

from dashboards.live.rows import (
    HISTORY_STEP_S,
    Flow,
    Key,
    Mean,
    MethodSum,
    Rows,
    Second,
)
from dashboards.live.summary import cadence, newest_complete, summarize

NOW = 1_000_000
GPU = Key("virginia", "frontier", "nvidia")
TRN = Key("oregon", "frontier", "trainium")


def second(time, chips, *, expected=100.0, chip_w=1000.0):
    coverage = chips / expected
    return Second(
        time=time, power_w=chips * chip_w, power_estimated_w=chips * chip_w / min(coverage, 1.0), power_error_w=30.0,
        chips_reporting=chips, chips_expected=expected, coverage=coverage, utilization=0.5, tensor_utilization=None,
        modelled_share=0.0,
    )  # fmt: skip


def rows(**seconds):
    """Rows of two fleets: GPUs each second, Trainium once a minute."""
    return Rows(
        now=NOW + 0.5,
        budgets={GPU: 120_000.0, TRN: 60_000.0},
        expected={GPU: 100.0, TRN: 100.0},
        seconds={GPU: seconds.get("gpu", []), TRN: seconds.get("trn", [])},
        methods={
            GPU: [MethodSum("counter", 9e6, 18_000.0, 18_000)],
            TRN: [MethodSum("percent", 3e6, 18_000.0, 300)],
        },
        flow=Flow(samples_per_second=100.0, newest_ts=NOW - 1.0, workers=1),
    )


def test_half_a_second_is_not_shown():
    """The newest second of which only some samples are stored is passed over for the one before."""
    seconds = [second(NOW - 3, 100), second(NOW - 2, 100), second(NOW - 1, 40)]

    assert newest_complete(seconds, horizon=NOW, cadence_s=1).time == NOW - 2


def test_minute_of_trainium_is_waited_for():
    """Chips that report once a minute have their newest complete second a minute ago."""
    seconds = [second(NOW - age, min(100, age * 100 / 60)) for age in range(1, 180)]

    assert newest_complete(seconds, horizon=NOW, cadence_s=60).time == NOW - 59


def test_chips_that_fell_silent_are_not_hidden():
    """Where a part of the chips stays away, what they would have reported by now is waited for no longer."""
    seconds = [second(NOW - age, 100 if age > 20 else 60) for age in range(1, 180)]
    shown = newest_complete(seconds, horizon=NOW, cadence_s=1)

    assert (shown.time, shown.chips_reporting) == (NOW - 7, 60)


def test_stalled_workers_do_not_look_like_missing_chips():
    """What is settled counts from the newest stored sample, not from the clock."""
    seconds = [second(NOW - 40, 100), second(NOW - 39, 100), second(NOW - 38, 30)]

    assert newest_complete(seconds, horizon=NOW - 37, cadence_s=1).time == NOW - 39


def test_no_second_is_complete_where_there_is_none():
    """Nothing comes of nothing."""
    assert newest_complete([], horizon=NOW, cadence_s=1) is None


def test_cadence_is_that_of_the_slowest_method():
    """The mean interval follows from chip-seconds and samples, by method; without samples it is a second."""
    assert cadence([MethodSum("counter", 1.0, 180.0, 180), MethodSum("percent", 1.0, 180.0, 3)]) == 60.0
    assert cadence([]) == 1.0


def test_line_says_headroom_age_and_methods():
    """Headroom is against the power corrected for missing chips; age counts from the end of the second."""
    line = next(line for line in summarize(rows(gpu=[second(NOW - 2, 99)])).lines if line.platform == "nvidia")

    assert line.headroom_w == pytest.approx(20_000)
    assert line.age_s == pytest.approx(1.5)
    assert line.method_shares == {"counter": 1.0}


def test_budgeted_fleet_without_samples_is_a_silent_line():
    """A fleet that should report and does not is shown, without invented watts."""
    summary = summarize(rows(gpu=[second(NOW - 2, 100)]))
    line = next(line for line in summary.lines if line.platform == "trainium")

    assert (line.second, line.headroom_w, line.chips_expected) == (None, None, 100.0)
    assert summary.total.silent_lines == 1
    assert summary.total.chips_expected == 200.0


def test_a_line_is_old_once_two_samples_and_half_a_minute_are_missing():
    """By its own cadence: a minute of Trainium that is two minutes old is of now."""

    def old(**seconds):
        return {line.platform: line.old for line in summarize(rows(**seconds)).lines}

    assert old(gpu=[second(NOW - 30, 100)], trn=[second(NOW - 140, 100)]) == {"nvidia": False, "trainium": False}
    assert old(gpu=[second(NOW - 34, 100)], trn=[second(NOW - 152, 100)]) == {"nvidia": True, "trainium": True}


def test_total_of_what_is_old_has_its_last_power_and_no_chips():
    total = summarize(rows(gpu=[second(NOW - 40, 100)], trn=[second(NOW - 60, 50)])).total

    assert total.power_w == pytest.approx(200_000)
    assert (total.chips_reporting, total.old_lines, total.silent_lines) == (50, 1, 0)
    assert total.age_s == pytest.approx(39.5)


def test_where_nothing_is_stored_any_more_no_line_is_of_now():
    """Trainium's last minute is no newer than the rest, though it would not be missed for a while yet."""
    given = rows(gpu=[second(NOW - 40, 100)], trn=[second(NOW - 100, 100)])
    stopped = dataclasses.replace(given, flow=Flow(newest_ts=NOW - 39.0))

    assert [line.old for line in summarize(stopped).lines] == [True, True]
    assert summarize(stopped).total.chips_reporting == 0


def test_a_fleet_without_a_budget_that_fell_silent_is_missing():
    """Its chips of the last day are expected."""
    key = GPU._replace(fleet="mine")
    given = rows(gpu=[second(NOW - 2, 100)])
    left = dataclasses.replace(given, expected={**given.expected, key: 64.0}, energy_day_j={key: 1e6})
    line = next(line for line in summarize(left).lines if line.fleet == "mine")

    assert (line.second, line.budget_w, line.chips_expected) == (None, None, 64.0)
    assert summarize(left).total.chips_expected == 264.0


def test_total_of_silence_is_unknown():
    total = summarize(rows()).total

    assert (total.power_w, total.power_error_w, total.age_s) == (None, None, None)


def test_total_adds_platforms_as_independent_and_fleets_of_one_alike():
    """Errors of fleets of one platform add up; those of two platforms add in squares."""
    both = summarize(rows(gpu=[second(NOW - 2, 100)], trn=[second(NOW - 60, 100)])).total
    one = rows(gpu=[second(NOW - 2, 100)])
    research = dataclasses.replace(
        one, seconds={GPU: one.seconds[GPU], GPU._replace(fleet="research"): one.seconds[GPU]}
    )

    assert both.power_w == pytest.approx(200_000)
    assert both.power_error_w == pytest.approx(30 * 2**0.5)
    assert summarize(research).total.power_error_w == pytest.approx(60)


def test_history_ends_with_complete_seconds_and_counts_missing_chips_in():
    """A step that holds seconds which are not complete yet is left out; the total carries the last value on."""
    step = NOW // HISTORY_STEP_S * HISTORY_STEP_S
    means = [Mean(step - 3 * HISTORY_STEP_S, 900.0), Mean(step - 2 * HISTORY_STEP_S, 1000.0), Mean(step, 10.0)]
    given = dataclasses.replace(rows(gpu=[second(NOW - 2, 50)]), history={GPU: means})
    summary = summarize(given)
    line = next(line for line in summary.lines if line.platform == "nvidia")

    assert line.history_w[-3:] == [90_000.0, 100_000.0, None]
    assert summary.total.history_w[-3:] == [90_000.0, 100_000.0, 100_000.0]


def test_total_is_unknown_where_one_line_is():
    """A fleet that was not there yet leaves no ramp in the total's history."""
    step = NOW // HISTORY_STEP_S * HISTORY_STEP_S
    whole = rows(gpu=[second(NOW + 8, 100)], trn=[second(NOW + 8, 100)])
    early, late = Mean(step - 2 * HISTORY_STEP_S, 1000.0), Mean(step - HISTORY_STEP_S, 1000.0)
    given = dataclasses.replace(whole, now=NOW + 10.5, history={GPU: [early, late], TRN: [late]})

    assert summarize(given).total.history_w[-3:] == [None, 200_000.0, 200_000.0]


def test_summary_is_plain_json():
    """The page gets plain values, with nulls for what nobody knows."""
    given = summarize(rows(gpu=[second(NOW - 2, 100)])).as_json()

    assert json.loads(json.dumps(given, allow_nan=False)) == given
    assert given["freshness_s"] == pytest.approx(1.5)


def test_a_fleet_without_budget_that_falls_silent_is_still_there():
    """What said something in the last day has a line, budget or not."""
    lab = Key("home", "lab", "nvidia")
    summary = summarize(dataclasses.replace(rows(), energy_day_j={lab: 7200.0, GPU: 3600.0}))
    (line,) = (line for line in summary.lines if line.site == "home")

    assert (line.second, line.budget_w) == (None, None)
    assert summary.energy_day_j == 10_800.0

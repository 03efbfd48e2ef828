import dataclasses
import json

import pytest

from dashboards.live.rows import HISTORY_STEP_S, Fleet, Flow, Key, Mean, MethodSum, Rows, Second
from dashboards.live.summary import Rest, summarize

NOW = 1_000_000
GPU = Key("virginia", "frontier", "nvidia")
TRN = Key("oregon", "frontier", "trainium")


def second(time, chips, *, expected=100.0, chip_w=1000.0):
    coverage = chips / expected
    return Second(
        time=time, power_w=chips * chip_w, power_estimated_w=chips * chip_w / min(coverage, 1.0), power_error_w=30.0,
        chips_reporting=chips, power_chips_reporting=chips, coverage=coverage, utilization=0.5, tensor_utilization=None,
        modelled_share=0.0,
    )  # fmt: skip


def fleet(shown, budget_w, *, heard=True):
    return Fleet(budget_w, 100.0, 100.0, heard=heard and shown is not None, second=shown)


def rows(gpu=None, trn=None, *, unheard=()):
    """Rows of two fleets: GPUs each second, Trainium once a minute; those of `unheard` do not report any more."""
    return Rows(
        now=NOW + 0.5,
        fleets={
            GPU: fleet(gpu, 120_000.0, heard=GPU not in unheard),
            TRN: fleet(trn, 60_000.0, heard=TRN not in unheard),
        },
        lines=[GPU, TRN],
        methods={
            GPU: [MethodSum("counter", 9e6, 18_000.0, 18_000)],
            TRN: [MethodSum("percent", 3e6, 18_000.0, 300)],
        },
        flow=Flow(samples_per_second=100.0, newest_ts=NOW - 1.0, workers=1),
    )


def test_line_says_headroom_age_and_methods():
    """Headroom is against the power corrected for missing chips; age counts from the end of the second."""
    line = next(line for line in summarize(rows(gpu=second(NOW - 2, 99))).lines if line.platform == "nvidia")

    assert line.headroom_w == pytest.approx(20_000)
    assert line.age_s == pytest.approx(1.5)
    assert line.method_shares == {"counter": 1.0}


def test_budgeted_fleet_without_samples_is_a_silent_line():
    """A fleet that should report and does not is shown, without invented watts."""
    summary = summarize(rows(gpu=second(NOW - 2, 100)))
    line = next(line for line in summary.lines if line.platform == "trainium")

    assert (line.second, line.headroom_w, line.chips_expected) == (None, None, 100.0)
    assert summary.total.silent_lines == 1
    assert summary.total.chips_expected == 200.0


def test_total_of_what_is_old_has_its_last_power_and_no_chips():
    summary = summarize(rows(gpu=second(NOW - 40, 100), trn=second(NOW - 60, 50), unheard=[GPU]))
    total = summary.total

    assert [line.old for line in summary.lines] == [False, True]
    assert total.power_w == pytest.approx(200_000)
    assert (total.chips_reporting, total.old_lines, total.silent_lines) == (50, 1, 0)
    assert total.coverage == 0.25
    assert total.age_s == pytest.approx(39.5)


def test_the_power_of_fleets_without_a_budget_is_known_apart():
    """The sum has it, and no budget does."""
    given = rows(gpu=second(NOW - 2, 100))
    mine = GPU._replace(fleet="mine")
    both = dataclasses.replace(given, fleets={**given.fleets, mine: fleet(second(NOW - 2, 50), None)})
    total = summarize(both).total

    assert (total.power_w, total.unbudgeted_w, total.budget_w) == (pytest.approx(200_000), 100_000, 180_000)


def test_fleets_without_a_line_are_in_the_total():
    given = dataclasses.replace(rows(gpu=second(NOW - 2, 100), trn=second(NOW - 60, 50)), lines=[GPU])
    summary = summarize(given)

    assert [line.platform for line in summary.lines] == ["nvidia"]
    assert summary.rest == Rest(1, pytest.approx(100_000), 50, 100, 60_000)
    assert summary.total.power_w == pytest.approx(200_000)
    assert (summary.total.chips_reporting, summary.total.coverage) == (150, 0.75)


def test_total_of_silence_is_unknown():
    total = summarize(rows()).total

    assert (total.power_w, total.power_error_w, total.age_s) == (None, None, None)


def test_total_adds_platforms_as_independent_and_fleets_of_one_alike():
    """Errors of fleets of one platform add up; those of two platforms add in squares."""
    both = summarize(rows(gpu=second(NOW - 2, 100), trn=second(NOW - 60, 100))).total
    one = rows(gpu=second(NOW - 2, 100))
    research = dataclasses.replace(one, fleets={GPU: one.fleets[GPU], GPU._replace(fleet="research"): one.fleets[GPU]})

    assert both.power_w == pytest.approx(200_000)
    assert both.power_error_w == pytest.approx(30 * 2**0.5)
    assert summarize(research).total.power_error_w == pytest.approx(60)


def test_history_ends_with_complete_seconds_and_counts_missing_chips_in():
    """A step that holds seconds which are not complete yet is left out; the total carries the last value on."""
    step = NOW // HISTORY_STEP_S * HISTORY_STEP_S
    means = [Mean(step - 3 * HISTORY_STEP_S, 900.0), Mean(step - 2 * HISTORY_STEP_S, 1000.0), Mean(step, 10.0)]
    given = dataclasses.replace(rows(gpu=second(NOW - 2, 50)), history={GPU: means})
    summary = summarize(given)
    line = next(line for line in summary.lines if line.platform == "nvidia")

    assert line.history_w[-3:] == [90_000.0, 100_000.0, None]
    assert summary.total.history_w[-3:] == [90_000.0, 100_000.0, 100_000.0]


def test_total_is_unknown_where_one_line_is():
    """A fleet that was not there yet leaves no ramp in the total's history."""
    step = NOW // HISTORY_STEP_S * HISTORY_STEP_S
    whole = rows(gpu=second(NOW + 8, 100), trn=second(NOW + 8, 100))
    early, late = Mean(step - 2 * HISTORY_STEP_S, 1000.0), Mean(step - HISTORY_STEP_S, 1000.0)
    given = dataclasses.replace(whole, now=NOW + 10.5, history={GPU: [early, late], TRN: [late]})

    assert summarize(given).total.history_w[-3:] == [None, 200_000.0, 200_000.0]


def test_summary_is_plain_json():
    """The page gets plain values, with nulls for what nobody knows."""
    given = summarize(rows(gpu=second(NOW - 2, 100))).as_json()

    assert json.loads(json.dumps(given, allow_nan=False)) == given
    assert given["freshness_s"] == pytest.approx(1.5)


def test_a_fleet_that_reported_within_a_day_has_a_line():
    """What said something has a line, budget or not, though nothing of it is expected any more."""
    lab = Key("home", "lab", "nvidia")
    summary = summarize(dataclasses.replace(rows(), lines=[lab], energy_day_j=10_800.0))
    (line,) = summary.lines

    assert (line.second, line.budget_w, line.chips_expected) == (None, None, 0)
    assert summary.energy_day_j == 10_800.0

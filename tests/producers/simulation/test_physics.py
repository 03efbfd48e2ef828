"""What jobs make their chips draw."""

import numpy as np
import pytest

from producers.simulation.physics import Idle, Range, Serving, Training
from schema.chips import Chip, chip
from schema.errors import GigawattError

WATTS = Range(idle_w=100.0, peak_w=1000.0)
T0_MS = 1_780_000_000_000
DAY_MS = 86_400_000
DOWN, STARTUP, CHECKPOINT, COMMUNICATE, COMPUTE = range(5)


@pytest.fixture(params=range(5))
def training(request):
    """Return one of five jobs."""
    return Training(WATTS, np.random.default_rng(request.param))


def test_an_unknown_idle_power_is_played_as_a_fifth_of_the_peak():
    """Nobody has stated what an idle Trn2 draws; the simulation needs something, the catalogue does not."""
    assert Range.of(chip("trn2")) == Range(100.0, 500.0)
    assert Range.of(chip("h100-sxm")) == Range(70.0, 700.0)


def test_a_chip_without_a_peak_cannot_be_played():
    """The operator learns which figure is missing."""
    with pytest.raises(GigawattError, match=r"new-chip cannot be simulated; set its peak_w"):
        Range.of(Chip("new-chip", "tpu", chips_per_host=4))


def test_training_computes_most_of_the_time(training):
    """Over a day a job computes most, and also communicates, checkpoints, starts and is down."""
    phases = training.phases(T0_MS + np.arange(0, DAY_MS, 1000))
    shares = np.bincount(phases, minlength=5) / len(phases)

    assert shares[COMPUTE] > 0.5
    assert all(shares > 0)
    assert shares[DOWN] < 0.1


def test_a_stop_ends_in_a_plateau_of_start_up(training):
    """Whatever goes down comes back over 106 s of start-up, and nothing else starts."""
    phases = training.phases(T0_MS + np.arange(0, DAY_MS, 1000))
    changes = np.flatnonzero(np.diff(phases))
    after_down = phases[changes[phases[changes] == DOWN] + 1]
    starts = np.flatnonzero((phases[1:] == STARTUP) & (phases[:-1] == DOWN))
    ends = np.flatnonzero((phases[1:] != STARTUP) & (phases[:-1] == STARTUP))

    assert set(after_down) == {STARTUP}
    assert all(abs(end - start - 106) <= 1 for start, end in zip(starts, ends[ends > starts[0]], strict=False))


def test_levels_are_those_of_published_traces(training):
    """Compute at 75 to 95 % of peak, communication at 25 to 40 %, checkpoints at 25 %, down at idle."""
    times = T0_MS + np.arange(0, DAY_MS, 1000)
    phases = training.phases(times)
    level = {phase: training.draw(int(times[phases == phase][9]), 100).mean_w for phase in range(5)}

    assert level[DOWN] == 100
    assert level[CHECKPOINT] == 250
    assert 250 <= level[COMMUNICATE] <= 400
    assert 750 <= level[COMPUTE] <= 950


def test_a_minute_is_the_mean_of_its_seconds(training):
    """A chip that is read once a minute reports the same energy as one that is read every second."""
    for minute in range(30):
        end_ms = T0_MS + 60_000 * minute
        seconds = [training.draw(end_ms - 1000 * second, 1000) for second in range(60)]
        whole = training.draw(end_ms, 60_000)

        assert whole.mean_w == pytest.approx(np.mean([draw.mean_w for draw in seconds]))
        assert whole.low_w == min(draw.low_w for draw in seconds)
        assert whole.high_w == max(draw.high_w for draw in seconds)


def test_heat_lags_behind_power(training):
    """What drives the temperature is the last minute, not the step of the moment."""
    draws = [training.draw(T0_MS + 1000 * second, 1000) for second in range(60)]

    assert np.ptp([draw.warm_w for draw in draws]) < np.ptp([draw.mean_w for draw in draws])


@pytest.mark.parametrize("utc_offset_h", [-8, 0, 9])
def test_serving_follows_the_day_of_its_site(utc_offset_h):
    """Load peaks in the local afternoon and is lowest twelve hours from there."""
    service = Serving(WATTS, np.random.default_rng(0), utc_offset_h)
    midnight_ms = T0_MS - T0_MS % DAY_MS
    loads = [service.load(midnight_ms + hour * 3_600_000) for hour in range(24)]

    assert 13 <= (np.argmax(loads) + utc_offset_h) % 24 <= 17
    assert (np.argmin(loads) + utc_offset_h) % 24 in (1, 2, 3, 4, 5)
    assert max(loads) == pytest.approx(1, abs=0.02)
    assert 0.1 <= min(loads) <= 0.3


def test_serving_decodes_between_40_and_70_percent():
    """A replica draws 40 to 70 % of peak and bursts near the peak, more often when busy."""
    service = Serving(WATTS, np.random.default_rng(0), 0)
    draws = [service.draw(T0_MS + hour * 3_600_000, 1000) for hour in range(24)]

    assert all(400 <= draw.mean_w <= 700 for draw in draws)
    assert {draw.burst_w for draw in draws} == {950}
    assert np.corrcoef([draw.mean_w for draw in draws], [draw.burst_share for draw in draws])[0, 1] > 0.99


def test_an_idle_chip_draws_its_idle_power():
    """No work, no change."""
    idle = Idle(WATTS)

    assert idle.draw(T0_MS, 1000) == idle.draw(T0_MS + DAY_MS // 2, 60_000)
    assert idle.draw(T0_MS, 1000).mean_w == pytest.approx(103)

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.neuron.power import scale_of
from producers.neuron.sysfs import Window
from schema.errors import GigawattError


def window(low, high, mean):
    return Window(1, valid=True, low=low, high=high, mean=mean)


@pytest.mark.parametrize(
    ("low", "high", "mean", "power_w"),
    [(0, 0, 0, 100.0), (1, 1, 1, 500.0), (0.5, 0.5, 0.5, 300.0), (0.0, 1.0, 0.25, 200.0)],
)
def test_watts_go_from_base_to_max(low, high, mean, power_w):
    assert scale_of("trn2", 100.0, 500.0).watts(window(low, high, mean))[0] == pytest.approx(power_w)


def test_a_steady_minute_is_as_uncertain_as_the_constants():
    """A quarter of the watts while they are guesses, a tenth when the operator states both."""
    steady = window(0.5, 0.5, 0.5)
    guessed, half, stated = (scale_of("trn2", *flags) for flags in [(None, None), (None, 500.0), (100.0, 500.0)])

    assert guessed.watts(steady) == pytest.approx((300.0, 75.0))
    assert half.watts(steady) == pytest.approx((300.0, 75.0))
    assert stated.watts(steady) == pytest.approx((300.0, 30.0))


def test_a_restless_minute_is_more_uncertain():
    """Half the time at nothing and half at all: a standard deviation of half the range, over the root of 60."""
    power_w, error_w = scale_of("trn2", 100.0, 500.0).watts(window(0.0, 1.0, 0.5))

    assert power_w == pytest.approx(300.0)
    assert error_w == pytest.approx(math.hypot(30.0, 200.0 / math.sqrt(60)))


@given(st.lists(st.floats(0, 1), min_size=60, max_size=60))
def test_no_readings_stray_further_than_stated(readings):
    """The standard error of the mean of 60 readings is never above what low, high and mean allow."""
    mean = min(max(math.fsum(readings) / 60, min(readings)), max(readings))
    deviation = math.sqrt(math.fsum((reading - mean) ** 2 for reading in readings) / 60)
    _, error_w = scale_of("trn2", 0.0, 1000.0).watts(window(min(readings), max(readings), mean))

    assert error_w >= 1000 * deviation / math.sqrt(60) - 1e-6


def test_the_catalogue_states_the_peak_and_the_base_is_a_fifth():
    scale = scale_of("inf2", None, None)

    assert (scale.base_w, scale.max_w, scale.error_share) == (20.0, 100.0, 0.25)


def test_an_unknown_model_has_no_watts_unless_they_are_stated():
    assert scale_of("trn9", None, None) is None
    assert scale_of("trn9", 100.0, None) is None
    assert scale_of("trn9", None, 2000.0).base_w == 400.0


def test_a_base_above_the_maximum_is_refused():
    with pytest.raises(GigawattError, match="--base-w"):
        scale_of("inf2", 100.0, None)

"""Watts that are estimated from activity."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.estimate import Calibration, estimate, load_calibration, parse_calibration
from schema import chips
from schema.errors import GigawattError

TPUS = [chip for chip in chips.catalogue().values() if chip.platform == "tpu"]
MEASURED = Calibration(idle_w=100, peak_w=500, tensor_weight=0.8, memory_weight=0.5, error_share=0.05)
TEXT = """
[tpu-v5e]
idle_w = 61
peak_w = 190.5
tensor_weight = 0.8
memory_weight = 0.5
error_share = 0.08
"""

shares = st.floats(0, 1)
maybe_shares = st.none() | shares
models = st.sampled_from(TPUS)


def test_nothing_at_work_is_idle_and_everything_is_peak():
    """Between them the curve is a straight sum."""
    chip = chips.chip("tpu-v7")

    assert estimate(chip, 0, 0).power_w == chip.idle_w
    assert estimate(chip, 1, 1).power_w == chip.peak_w
    assert estimate(chip, 0.4, 0.2).power_w == pytest.approx(200 + 600 * (0.95 * 0.4 + 0.6 * 0.2))


def test_the_curve_meets_the_one_mean_that_google_states():
    """Half of both activities is a usual training load, and 170 W is TPU v4's mean in production."""
    chip = chips.chip("tpu-v4")

    assert estimate(chip, 0.5, 0.5).power_w == pytest.approx(chip.typical_w, abs=2)


@given(models, maybe_shares, maybe_shares, maybe_shares)
def test_an_estimate_lies_between_idle_and_peak_and_may_be_off(chip, tensor, memory, busy):
    """Whatever is known."""
    found = estimate(chip, tensor, memory, busy=busy)

    if tensor is None and memory is None and busy != 0:
        assert found is None
    else:
        assert chip.idle_w <= found.power_w <= chip.peak_w
        assert found.error_w >= chip.estimate_error_share * found.power_w > 0


@given(models, maybe_shares, maybe_shares, maybe_shares, shares)
def test_more_activity_is_never_less_power(chip, tensor, memory, busy, more):
    """In each of the two, and in what bounds the unknown one."""
    before = estimate(chip, tensor, memory, busy=busy)
    if before is None:
        return
    for after in (
        tensor is not None and estimate(chip, max(tensor, more), memory, busy=busy),
        memory is not None and estimate(chip, tensor, max(memory, more), busy=busy),
        busy is not None and estimate(chip, tensor, memory, busy=max(busy, more)),
    ):
        if after:
            assert after.power_w >= before.power_w


@given(models, shares, shares)
def test_an_unknown_activity_is_within_the_error(chip, known, unknown):
    """Nothing that it can have been is further off than a uniform distribution reaches."""
    for guessed, true in (
        (estimate(chip, known, None), estimate(chip, known, unknown)),
        (estimate(chip, None, known), estimate(chip, unknown, known)),
    ):
        assert abs(guessed.power_w - true.power_w) <= math.sqrt(3) * guessed.error_w
        assert guessed.error_w > chip.estimate_error_share * guessed.power_w


def test_a_missing_activity_widens_the_error():
    """At the same power as one that is known."""
    chip = chips.chip("tpu-v5p")

    assert estimate(chip, 0.3, None).power_w == pytest.approx(estimate(chip, 0.3, 0.5).power_w)
    assert estimate(chip, 0.3, None).error_w > 1.1 * estimate(chip, 0.3, 0.5).error_w


def test_a_duty_cycle_alone_tells_no_power():
    """Google's own sample: 100 % busy with 13.6 % of the matrix units."""
    assert estimate(chips.chip("tpu-v6e"), None, None, busy=1.0) is None


def test_a_chip_that_ran_nothing_is_idle():
    """Then there was no activity, and nothing that the curve could get wrong."""
    chip = chips.chip("tpu-v6e")
    found = estimate(chip, None, None, busy=0.0)

    assert (found.power_w, found.error_w) == (chip.idle_w, pytest.approx(chip.estimate_error_share * chip.idle_w))


def test_what_is_unknown_happened_while_the_chip_was_busy():
    """Ten per cent busy leaves memory little room."""
    chip = chips.chip("tpu-v6e")

    assert estimate(chip, 0.05, None, busy=0.1).power_w < estimate(chip, 0.05, None).power_w
    assert estimate(chip, 0.05, None, busy=0.1).error_w < estimate(chip, 0.05, None).error_w


@pytest.mark.parametrize("odd", [-1, 1.7, 1e300, math.inf, -math.inf])
def test_an_activity_out_of_range_is_held_in_it(odd):
    """Estimates never leave the chip's range."""
    chip = chips.chip("tpu-v4")

    assert estimate(chip, odd, odd, busy=odd).power_w in (chip.idle_w, chip.peak_w)


def test_an_activity_that_is_no_number_is_unknown():
    """NaN says nothing."""
    chip = chips.chip("tpu-v4")

    assert estimate(chip, math.nan, 0.5) == estimate(chip, None, 0.5)
    assert estimate(chip, math.nan, None, busy=math.nan) is None


def test_a_chip_without_a_curve_is_not_estimated():
    """Nobody has said how activity moves a Trainium's or an H100's power."""
    assert estimate(chips.chip("trn2"), 0.5, 0.5) is None
    assert estimate(chips.chip("h100-sxm"), 0.5, 0.5) is None


def test_a_calibration_goes_before_the_catalogue():
    """With its own error, which is all of it."""
    found = estimate(chips.chip("tpu-v7"), 0.5, 0.2, calibration=MEASURED)

    assert found.power_w == pytest.approx(100 + 400 * (0.8 * 0.5 + 0.5 * 0.2))
    assert found.error_w == pytest.approx(0.05 * found.power_w)


def test_a_calibrated_model_needs_no_entry_in_the_catalogue():
    """So a new one can be read the day that it comes."""
    chip = chips.Chip("tpu-v99", "tpu", chips_per_host=4)

    assert estimate(chip, 1, 1) is None
    assert estimate(chip, 1, 1, calibration=MEASURED).power_w == 500


def test_a_calibration_file_is_read_by_model(tmp_path):
    """One table a model."""
    path = tmp_path / "calibration.toml"
    path.write_text(TEXT)

    assert load_calibration(path) == {"tpu-v5e": Calibration(61, 190.5, 0.8, 0.5, 0.08)}
    assert load_calibration(None) == {}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (TEXT.replace("190.5", "60"), r"c.toml:4: peak_w: must be above idle_w, 61"),
        (TEXT.replace("190.5", '"much"'), r"c.toml:4: peak_w: must be a number from 1 to 10000, not 'much'"),
        (TEXT.replace("190.5", "nan"), r"c.toml:4: peak_w: must be a number"),
        (TEXT.replace("0.08", "0"), r"c.toml:7: error_share: must be a number from 0.001 to 1"),
        (TEXT.replace("memory_weight = 0.5", ""), r"c.toml:2: memory_weight: missing"),
        (
            TEXT.replace("tensor_weight", "tensor_wait"),
            r"c.toml:5: tensor_wait: unknown key, did you mean tensor_weight",
        ),
        ("tpu-v5e = 3", r"c.toml:1: tpu-v5e: must be a table"),
        ("[tpu-v5e", r"c.toml: Expected .* table declaration"),
    ],
)
def test_a_mistake_in_a_calibration_names_its_line(wrong, message):
    """File, line and field."""
    with pytest.raises(GigawattError, match=message):
        parse_calibration(wrong, "c.toml")


def test_a_calibration_file_that_cannot_be_read_is_one_line(tmp_path):
    """It is not there, or it is not text."""
    with pytest.raises(GigawattError, match="cannot be read"):
        load_calibration(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(GigawattError, match="cannot be read"):
        load_calibration(tmp_path / "binary.toml")

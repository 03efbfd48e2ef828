"""The chip catalogue."""

import dataclasses

import pytest

from schema import chips
from schema.samples import PLATFORMS

TPU = ("tpu-v4", "tpu-v5e", "tpu-v5p", "tpu-v6e", "tpu-v7")
TRAINIUM = ("inf2", "trn1", "trn2", "trn3")
NVIDIA = ("t4", "a100-sxm", "h100-sxm", "h200", "b200", "gb200", "gb300")
AMD = ("mi300x", "mi355x")


@pytest.mark.parametrize(
    ("platform", "models"), [("tpu", TPU), ("trainium", TRAINIUM), ("nvidia", NVIDIA), ("amd", AMD)]
)
def test_every_platform_has_its_models(platform, models):
    """The catalogue knows these models of each platform, and no others."""
    known = [model for model, chip in chips.catalogue().items() if chip.platform == platform]

    assert sorted(known) == sorted(models)


@pytest.mark.parametrize("chip", chips.catalogue().values(), ids=lambda chip: chip.model)
def test_figures_are_in_order_and_have_a_source(chip):
    """Idle is below typical, typical not above peak, and each figure says where it is from."""
    figures = [figure for figure in (chip.idle, chip.typical, chip.peak) if figure is not None]
    watts = [figure.watts for figure in figures]

    assert watts == sorted(watts)
    assert all(figure.source and figure.evidence in ("official", "measured", "guessed") for figure in figures)
    assert chip.platform in PLATFORMS
    assert chip.chips_per_host > 0


def test_a_guess_is_marked_as_one():
    """Google states the watts of TPU v4 and of no later one."""
    evidence = {model: {chips.chip(model).idle.evidence, chips.chip(model).peak.evidence} for model in TPU}

    assert evidence == {model: {"official" if model == "tpu-v4" else "guessed"} for model in TPU}


def test_what_nobody_stated_is_none():
    """AWS has not said what an idle Trainium draws, and nothing is made up for it."""
    chip = chips.chip("trn2")

    assert chip.idle_w is None
    assert chip.typical_w is None
    assert chip.peak_w == 500


def test_an_estimate_is_as_uncertain_as_its_weakest_figure():
    """A power estimated from official figures is taken to be closer than one from a guess."""
    assert chips.chip("tpu-v4").estimate_error_share < chips.chip("tpu-v7").estimate_error_share
    assert chips.chip("trn2").estimate_error_share == chips.chip("tpu-v7").estimate_error_share


def test_only_chips_that_show_no_watts_have_a_curve():
    """A TPU is estimated from its activity; the curve is a guess for each, and says where it is from."""
    curves = {model: chip.curve for model, chip in chips.catalogue().items() if chip.curve}

    assert sorted(curves) == sorted(TPU)
    for curve in curves.values():
        assert 0 < curve.memory_weight < curve.tensor_weight <= 1
        assert curve.tensor_weight + curve.memory_weight >= 1  # or full activity would not be the peak
        assert 0 < curve.error < 1
        assert curve.evidence == "guessed"
        assert curve.source


def test_an_unknown_model_names_the_closest():
    """A mistyped model gets one line with the name that was meant."""
    with pytest.raises(chips.UnknownModelError, match=r"unknown chip model 'tpuv7'; did you mean tpu-v7"):
        chips.chip("tpuv7")


def test_a_far_off_model_names_all():
    """Where nothing is close, the whole catalogue is named."""
    with pytest.raises(chips.UnknownModelError, match=r"known values: tpu-v4, .*mi355x"):
        chips.chip("abacus")


def test_the_catalogue_cannot_be_changed():
    """What one part of Gigawatt reads, no other part can alter."""
    with pytest.raises(TypeError):
        chips.catalogue()["tpu-v7"] = None
    with pytest.raises(dataclasses.FrozenInstanceError):
        chips.chip("tpu-v7").platform = "nvidia"

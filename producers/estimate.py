"""Estimated watts of a chip that shows none: from idle to peak, by the activity of its matrix units and memory.

An estimate is never a reading: samples that carry one say `power_method` `model`, with its stated error. The curve
is a straight sum of the two activities, held at peak, with the constants of the chip catalogue, which are guesses;
an operator who has measured better says so in a calibration file. How long a chip was busy is not how hard it worked
(Google's own sample shows a duty cycle of 100 % at 13.6 % of the matrix units), so it only bounds what is not known.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from schema import chips
from schema.errors import GigawattError
from schema.files import read_text
from schema.limits import MAX_POWER_W
from schema.toml_table import Table

CALIBRATION: Final = click.Option(
    ["--calibration"],
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="TOML file with your measurements of a model (by XProf capture or meter): a table [MODEL] with idle_w,"
    " peak_w, tensor_weight, memory_weight and error_share.  [default: the chip catalogue's guesses]",
)

_UNIFORM_SD: Final = 1 / math.sqrt(12)
"""Standard deviation of a uniform distribution, as a share of its width."""
_MIN_ERROR_SHARE: Final = 0.001
"""Nobody measures better; an error of 0 would be read as certainty."""
_FIELDS: Final = ("idle_w", "peak_w", "tensor_weight", "memory_weight", "error_share")


@dataclass(frozen=True)
class Estimate:
    """Estimated mean power in watts, and one standard deviation of it, always above 0."""

    power_w: float
    error_w: float


@dataclass(frozen=True)
class Calibration:
    """What an operator measured of one model.

    `error_share` is one standard deviation of an estimate from both activities, as a share of that estimate; it
    stands for everything: range, curve and measurement. The weights are as those of `schema.chips.Curve`.
    """

    idle_w: float
    peak_w: float
    tensor_weight: float
    memory_weight: float
    error_share: float
    curve_error: float = 0.0


def estimate(
    chip: chips.Chip,
    tensor_utilization: float | None,
    memory_bandwidth_utilization: float | None,
    *,
    busy: float | None = None,
    calibration: Calibration | None = None,
) -> Estimate | None:
    """Estimate a chip's mean power over an interval; None when nothing reports it.

    Activities are shares 0 to 1 of the matrix units' and the memory's peak (values beyond are held there, NaN is
    unknown); `busy` is the share of the interval in which the chip ran anything. An unknown activity may have been
    anything from 0 to `busy` (1 when that is unknown, too): its middle is taken, and the error says how far that
    may be off. `calibration` goes before the catalogue; without it the model needs idle, peak and curve there.
    """
    constants = calibration or _of_catalogue(chip)
    at_most = 1.0 if (held := _held(busy)) is None else held
    tensor, memory = _held(tensor_utilization), _held(memory_bandwidth_utilization)
    if constants is None or (tensor is None and memory is None and at_most > 0):
        return None
    low = _load(constants, tensor or 0.0, memory or 0.0)
    high = _load(constants, at_most if tensor is None else tensor, at_most if memory is None else memory)
    range_w = constants.peak_w - constants.idle_w
    power_w = min(constants.idle_w + range_w * (low + high) / 2, constants.peak_w)
    error_w = math.hypot(
        constants.error_share * power_w,
        constants.curve_error * range_w * max(at_most, tensor or 0.0, memory or 0.0),
        _UNIFORM_SD * (high - low) * range_w,
    )
    return Estimate(power_w, error_w)


def load_calibration(path: Path | None) -> Mapping[str, Calibration]:
    """Read an operator's calibration file, by model; nothing for None.

    Raises `GigawattError` of one line with file, line and field.
    """
    if path is None:
        return {}
    try:
        return parse_calibration(read_text(path), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise GigawattError(f"--calibration {path} cannot be read: {error}") from error


def parse_calibration(text: str, name: str) -> dict[str, Calibration]:
    """Return the calibrations in a TOML text, by model; `name` is what errors call it."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise GigawattError(f"{name}: {error}") from error
    root = Table(tables, (), text, name)
    for model, values in tables.items():
        if not isinstance(values, dict):
            root.fail(model, "must be a table: write [MODEL]")
    return {model: _calibration(Table(values, (model,), text, name)) for model, values in tables.items()}


def _calibration(table: Table) -> Calibration:
    table.allow(_FIELDS)
    idle_w = table.number("idle_w", 1, MAX_POWER_W)
    peak_w = table.number("peak_w", 1, MAX_POWER_W)
    if peak_w <= idle_w:
        table.fail("peak_w", f"must be above idle_w, {idle_w:g}")
    return Calibration(
        idle_w,
        peak_w,
        tensor_weight=table.number("tensor_weight", 0, 1),
        memory_weight=table.number("memory_weight", 0, 1),
        error_share=table.number("error_share", _MIN_ERROR_SHARE, 1),
    )


def _of_catalogue(chip: chips.Chip) -> Calibration | None:
    if chip.idle_w is None or chip.peak_w is None or chip.curve is None:
        return None
    curve = chip.curve
    return Calibration(
        chip.idle_w, chip.peak_w, curve.tensor_weight, curve.memory_weight, chip.estimate_error_share, curve.error
    )


def _load(constants: Calibration, tensor: float, memory: float) -> float:
    """Return the share of the range from idle to peak."""
    return min(1.0, constants.tensor_weight * tensor + constants.memory_weight * memory)


def _held(share: float | None) -> float | None:
    return None if share is None or math.isnan(share) else min(1.0, max(0.0, share))

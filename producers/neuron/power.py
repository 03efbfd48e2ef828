"""Watts of a Neuron device from the driver's percent, which needs two figures that AWS has not published.

watts = base + share x (max - base). One standard deviation of it is the root of the sum of the squares of

- the chip catalogue's error share for an estimate from such figures, times the watts;
- the range (max - base) times sqrt((high - mean) x (mean - low) / 60): no quantity between `low` and `high` with that
  mean has a larger variance than the product (Bhatia and Davis, 2000), and the driver averages 60 readings at least.

Where a device has two dies the driver shows the larger one's share, so the watts err upwards: how far, nothing tells.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Final

from producers.neuron.sysfs import Window
from schema.chips import Chip, Figure, catalogue
from schema.errors import GigawattError

BASE_SHARE: Final = 0.2
"""Base power as a share of the maximum where nobody has stated it. A guess: idle GPUs draw 0.1 to 0.2 of theirs."""
_MIN_READINGS: Final = 60  # NEURON_MIN_SAMPLES_PER_PERIOD


@dataclass(frozen=True)
class Scale:
    """What 0 and 100 percent are in watts; `error_share` is one standard deviation, as a share of the watts."""

    base_w: float
    max_w: float
    error_share: float

    def watts(self, window: Window) -> tuple[float, float]:
        """Return the mean power of a valid window and one standard deviation of it, both in watts."""
        range_w = self.max_w - self.base_w
        power_w = self.base_w + window.mean * range_w
        spread = math.sqrt((window.high - window.mean) * (window.mean - window.low) / _MIN_READINGS)
        return power_w, math.hypot(self.error_share * power_w, range_w * spread)


def scale_of(model: str, base_w: float | None, max_w: float | None) -> Scale | None:
    """Return the scale of a model, from what the operator states, else from the catalogue; None where neither does.

    What an operator states counts as measured. Raises `GigawattError` when the base is not below the maximum.
    """
    known = catalogue().get(model) or Chip(model, "trainium", 1)
    peak = known.peak if max_w is None else Figure(max_w, "measured", "operator")
    if peak is None:
        return None
    idle = known.idle if base_w is None else Figure(base_w, "measured", "operator")
    scale = Scale(
        idle.watts if idle else BASE_SHARE * peak.watts,
        peak.watts,
        dataclasses.replace(known, idle=idle, peak=peak).estimate_error_share,
    )
    if scale.base_w >= scale.max_w:
        raise GigawattError(
            f"the base power of {model}, {scale.base_w:g} W, is not below its maximum, {scale.max_w:g} W;"
            " correct --base-w and --max-w"
        )
    return scale

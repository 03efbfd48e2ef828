"""Kinds of values that flags take, beyond those of click."""

import math
from typing import Any, Final

import click


class FiniteRange(click.FloatRange):
    """A number in a range; `nan` and `inf` are none, though they compare as if they were."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; reject what is none."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


SECONDS: Final = FiniteRange(min=0, min_open=True, max=3600)
"""How long something may take. Without an end it overflows a timer sooner or later, which is no error of a read."""

MOST_GATHERED_S: Final = 5.0
"""For so long samples may wait for others of their message. A second counts as complete so long after the last of its
samples could have been read: boards and rules would find later ones missing."""

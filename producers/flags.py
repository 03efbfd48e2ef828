"""Kinds of values that flags take, beyond those of click."""

import math
from typing import Any

import click


class FiniteRange(click.FloatRange):
    """A number in a range; `nan` and `inf` are none, though they compare as if they were."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; refuse what is none."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a number.", param, ctx)
        return number

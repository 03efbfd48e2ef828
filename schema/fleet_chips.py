"""Chip models of the operator's own, in the fleet file: those that the catalogue does not have.

A budget needs their platform alone. What they draw is for a simulation, and counts as guessed.
"""

from collections.abc import Mapping
from typing import Final

from schema import chips
from schema.limits import MAX_POWER_W
from schema.samples import PLATFORMS
from schema.toml_table import Table

_MOST_PER_HOST: Final = 1024


def own_chip(table: Table, name: str) -> chips.Chip:
    """Read the table `[chips.NAME]`. Raises `TomlFieldError`."""
    table.allow(("platform", "chips_per_host", "idle_w", "peak_w"))
    if name in chips.catalogue():
        table.fail(name, "is already in the chip catalogue; remove it, or choose another name")
    idle, peak = _figure(table, "idle_w"), _figure(table, "peak_w")
    if peak is not None and idle is not None and idle.watts >= peak.watts:
        table.fail("peak_w", "must be more than idle_w")
    given = "chips_per_host" in table.values
    return chips.Chip(
        model=name,
        platform=table.choice("platform", PLATFORMS),
        chips_per_host=table.integer("chips_per_host", low=1, high=_MOST_PER_HOST) if given else 1,
        idle=idle,
        peak=peak,
    )


def _figure(table: Table, key: str) -> chips.Figure | None:
    return chips.Figure(table.number(key, 0.0, MAX_POWER_W), "guessed", table.name) if key in table.values else None


def model_name(table: Table, models: Mapping[str, chips.Chip]) -> str:
    """Return the model of a pool. Raises `TomlFieldError` for one that is neither known nor declared."""
    name = table.string("model")
    if name not in models:
        close = chips.suggestion(name, models)
        table.fail("model", f"unknown model {name!r}, {close}; declare your own model as [chips.{name}]")
    return name

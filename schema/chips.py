"""The chip catalogue: what each model draws, how well that is known, and how it is housed.

The figures live in `chips.toml` beside this file, each with its source. Nothing here is a reading: a
producer that estimates watts from utilization takes its range from here and says so in `power_method`.
"""

import functools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from schema.errors import GigawattError

Evidence = Literal["official", "measured", "guessed"]

_ESTIMATE_ERROR_SHARE: Final[Mapping[Evidence, float]] = {"official": 0.10, "measured": 0.10, "guessed": 0.25}
"""Our own judgement, on the wide side: nobody has published how far such estimates are off."""
_GIB: Final = 2**30


class UnknownModelError(GigawattError):
    """No chip of that model in the catalogue; the message names the closest."""


@dataclass(frozen=True)
class Figure:
    """A stated power in watts, where it was read, and what kind of evidence that is."""

    watts: float
    evidence: Evidence
    source: str


@dataclass(frozen=True)
class Curve:
    """How activity lifts a chip from idle to peak, for chips that have no power reading.

    A weight is the share of the range that full activity of that kind alone accounts for. Together they may exceed
    1: the power limit then holds at peak. `error` is one standard deviation of the curve, as a share of the range.
    """

    tensor_weight: float
    memory_weight: float
    error: float
    evidence: Evidence
    source: str


@dataclass(frozen=True)
class Chip:
    """One model: power figures (None where nobody has stated one), chips in a host, nominal device memory.

    `states_power` is for models of which every chip states its power. Of others some do not, by their nature: the
    second die of a board, a partition after the first, a device whose driver shows none.
    """

    model: str
    platform: str
    chips_per_host: int
    memory_bytes: int | None = None
    states_power: bool = False
    idle: Figure | None = None
    typical: Figure | None = None
    peak: Figure | None = None
    curve: Curve | None = None

    @property
    def idle_w(self) -> float | None:
        """Watts with power on and no work."""
        return self.idle.watts if self.idle else None

    @property
    def typical_w(self) -> float | None:
        """Watts under a usual full load."""
        return self.typical.watts if self.typical else None

    @property
    def peak_w(self) -> float | None:
        """Watts at the default power limit."""
        return self.peak.watts if self.peak else None

    @property
    def estimate_error_share(self) -> float:
        """Return one standard deviation of a power estimated from these figures, as a share of that power.

        Of the figures alone, not of the curve between them. As wide as the weaker of idle and peak asks; a
        missing one counts as guessed.
        """
        kinds: list[Evidence] = [figure.evidence if figure else "guessed" for figure in (self.idle, self.peak)]
        return max(_ESTIMATE_ERROR_SHARE[kind] for kind in kinds)


@functools.cache
def catalogue() -> Mapping[str, Chip]:
    """Return every known chip by its model name, read-only."""
    text = Path(__file__).with_name("chips.toml").read_text("utf-8")
    return MappingProxyType({model: _chip(model, entry) for model, entry in tomllib.loads(text).items()})


def chip(model: str) -> Chip:
    """Return the chip of that model name, as in the contract (`tpu-v7`, `trn2`, `h100-sxm`).

    Raises `UnknownModelError` with the closest names.
    """
    known = catalogue()
    if model not in known:
        raise UnknownModelError(f"unknown chip model {model!r}; {suggestion(model, known)}")
    return known[model]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Say which known names are closest to a mistyped one, else all of them."""
    names = list(known)
    import difflib  # noqa: PLC0415  only a mistake needs it, and a producer counts its megabytes

    close = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else f"known values: {', '.join(names)}"


def _chip(model: str, entry: Mapping[str, Any]) -> Chip:
    memory_gib = entry.get("memory_gib")
    return Chip(
        model=model,
        platform=entry["platform"],
        chips_per_host=entry["chips_per_host"],
        memory_bytes=None if memory_gib is None else memory_gib * _GIB,
        states_power=entry.get("states_power", False),
        curve=Curve(**entry["curve"]) if "curve" in entry else None,
        **{name: Figure(**entry[name]) for name in ("idle", "typical", "peak") if name in entry},
    )

"""All runs behind docs/performance.md, in one sitting."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from bench.load import HOST, POD, Load
from bench.measure import measure
from bench.peers.measure import measure_peers
from bench.report.figures import Figures, begun

CONNECTIONS: Final = 250
_TWICE_HOST: Final = 16
_CONNECTED: Final = CONNECTIONS * HOST

LOADS: Final = (
    *(Load(chips, HOST) for chips in (1_000, 10_000, 50_000)),
    *(Load(chips, _TWICE_HOST) for chips in (10_000, 50_000)),
    *(Load(chips, POD) for chips in (1_000, 10_000, 100_000, 1_000_000)),
    Load(_CONNECTED, HOST),
    Load(_CONNECTED, HOST, producers=CONNECTIONS),
    Load(_CONNECTED, HOST, producers=CONNECTIONS, publish_every_s=5),
    *(Load(10_000, HOST, workers=workers) for workers in (2, 4)),
)
"""Both shapes over all sizes, connections with and without waiting, and one fleet with more and more workers."""
COMPARED: Final = (1_000, 10_000)
"""The sizes at which peers are run."""


def measure_all(
    seconds: float,
    warm_up_s: float,
    said: Callable[[str], None],
    done: Callable[[Figures], None],
    *,
    loads: Sequence[Load] = LOADS,
    compared: Sequence[int] = COMPARED,
) -> Figures:
    """Measure everything, one after the other; `done` gets the figures so far."""
    figures, count = begun(), len(loads) + len(compared)
    for number, load in enumerate(loads, 1):
        said(f"run {number} of {count}: {load.title}")
        figures.runs.append(measure(_lasting(load, seconds, warm_up_s), said))
        done(figures)
    for number, chips in enumerate(compared, len(loads) + 1):
        said(f"run {number} of {count}: peers at {chips:,} chips")
        figures.peers.append(measure_peers(_lasting(Load(chips), seconds, warm_up_s), said))
        done(figures)
    return figures


def _lasting(load: Load, seconds: float, warm_up_s: float) -> Load:
    return replace(load, seconds=seconds, warm_up_s=warm_up_s)

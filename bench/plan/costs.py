"""What each part costs, as terms: so much whatever comes, so much a worker, a request, a message and a sample.

The terms are fitted to measured runs, none below 0, by their relative errors: else a million chips would speak for all.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from bench.measure import Result
from schema.errors import GigawattError

ROLES: Final = ("broker", "worker", "store")
_BURST: Final = 12
"""One producer that sends all messages of a second at once needs about a request a partition, or one a message."""

Floats = npt.NDArray[np.float64]


class Rates(NamedTuple):
    """What comes: workers that take it, and requests, messages and samples a second."""

    workers: float
    requests: float
    messages: float
    samples: float


class Terms(NamedTuple):
    """CPU seconds a second, with nothing to do and for each worker; CPU seconds a request, a message and a sample."""

    fixed: float
    worker: float
    request: float
    message: float
    sample: float

    def cores(self, rates: Rates) -> float:
        """Return how many cores that is."""
        return self.fixed + sum(cost * rate for cost, rate in zip(self[1:], rates, strict=True))


class Size(NamedTuple):
    """Bytes of a sample: its own, and its shares of those of its message, and of the request that this comes with.

    Messages of one request are compressed together: a message that comes alone is several times as large.
    """

    sample: float
    message: float
    request: float

    def bytes(self, samples_per_message: float) -> float:
        """Return the bytes of a sample in messages of so many that come alone, as those of hosts do."""
        return self.sample + (self.message + self.request) / samples_per_message


@dataclass(frozen=True)
class Costs:
    """The terms of each role, and the bytes of a sample on the wire and on disk."""

    cores: dict[str, Terms]
    wire: Size
    disk: Size


def rates_of(run: Result) -> Rates:
    """Return what came in a measured run."""
    many = run.producers > 1
    requests = run.producers / run.publish_every_s if many else min(run.messages_per_second, _BURST)
    return Rates(run.workers, requests, run.messages_per_second, run.samples_per_second)


def costs_of(runs: Sequence[Result]) -> Costs:
    """Fit the terms to those runs that kept up. Raises `GigawattError` when these are too few or too much alike."""
    runs = [run for run in runs if run.keeps_up]
    shapes = {round(run.samples_per_message) for run in runs}
    if len(runs) < len(ROLES) or len(shapes) < 2:  # noqa: PLR2004  a line takes two points
        raise GigawattError("the runs that kept up have one shape, or are fewer than three; measure on a quiet machine")
    rates = np.array([rates_of(run) for run in runs])
    known = np.column_stack([np.ones(len(runs)), rates])
    few = np.column_stack([rates[:, 3], rates[:, 2], rates[:, 1]]) / rates[:, 3:]
    sizes = [Size(*fitted(few, np.array([run.bytes_per_sample[name] for run in runs]))) for name in ("wire", "disk")]
    return Costs({role: Terms(*fitted(known, np.array([run.cores[role] for run in runs]))) for role in ROLES}, *sizes)


def fitted(known: Floats, wanted: Floats) -> list[float]:
    """Return coefficients [k], none negative, that make `known` [n, k] into `wanted` [n] with the least relative error.

    With so few columns all choices of those that count are tried.
    """
    scaled, ones = known / wanted[:, None], np.ones(len(wanted))
    best, least = np.zeros(known.shape[1]), float(len(wanted))
    columns = range(known.shape[1])
    for chosen in itertools.chain.from_iterable(itertools.combinations(columns, n + 1) for n in columns):
        found, *_ = np.linalg.lstsq(scaled[:, chosen], ones, rcond=None)
        error = float(((scaled[:, chosen] @ found - ones) ** 2).sum())
        if found.min() >= 0 and error < least - 1e-12:
            best, least = np.zeros(known.shape[1]), error
            best[list(chosen)] = found
    return [float(value) for value in best]

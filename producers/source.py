"""What a source is: something that is read at a tick and answers with batches of samples.

A source lives in `producers/sources/NAME.py`; the file name is the registry, and `gigawatt produce NAME`
imports that file alone. It reads the outside world through what it was given (a URL, a path, a client, a
clock), and leaves the meaning of what it read to pure functions beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from schema.errors import GigawattError


class SourceError(GigawattError):
    """A read failed; the message is one line for the operator. The sampler counts it and goes on."""


@dataclass(frozen=True)
class Tick:
    """When a read is due: `ts_ms` is the scheduled epoch time, `interval_ms` the time since the last tick.

    Samples carry the scheduled time, so the rectangles of successive ticks touch and never overlap.
    """

    ts_ms: int
    interval_ms: int


@dataclass(frozen=True)
class Batch:
    """One message: samples of one host, or of a whole rack or pod under one key."""

    key: str
    samples: pa.RecordBatch


class Source(Protocol):
    """Something that can be sampled."""

    default_period_s: float
    """How often the source has something new to say."""

    def read(self, tick: Tick) -> Sequence[Batch]:
        """Return what there is to report, and nothing when there is nothing new.

        Raises `SourceError` when the reading failed; any batch is then lost, never made up.
        """

    def close(self) -> None:
        """Let go of the outside world."""

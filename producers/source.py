"""What a source is: something that is read at a tick and answers with batches of samples.

A source lives in `producers/sources/NAME.py`; the file name is the registry, and `gigawatt produce NAME`
imports that file alone. It reads the outside world through what it was given (a URL, a path, a client, a
clock), and leaves the meaning of what it read to pure functions beside it.

Such a file has, besides its docstring, which `gigawatt produce NAME --help` shows: `OPTIONS`, a sequence of
click parameters that only this source understands, and `open_source(where: Where, **options) -> Source`,
which is called with them. `GigawattError` from `open_source` tells the operator what to mend. `LABEL_HELP` is there
where some of `--site`, `--fleet` and `--host` mean something else than usual: their help texts by flag.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from schema.errors import GigawattError
from schema.limits import MAX_LABEL_BYTES
from schema.printable import is_hidden


@dataclass(frozen=True)
class Batch:
    """One message: samples of one host, or of a whole rack or pod under one key."""

    key: str
    samples: pa.RecordBatch


class SourceError(GigawattError):
    """A read failed; the message is one line for the operator. The sampler counts it and goes on.

    `batches` is what could be read all the same: one of several hosts that does not answer must not
    cost the samples of the others.
    """

    def __init__(self, message: str, *, batches: Sequence[Batch] = ()) -> None:
        super().__init__(message)
        self.batches = batches


class SourceDoneError(Exception):
    """There is nothing more to read, now or ever: the sampler stops, and that is no failure."""


@dataclass(frozen=True)
class Where:
    """What the operator said about the place: labels for a source that cannot read them itself.

    `host` is None unless it was given: a source that is told the host's name by what it reads prefers that
    to this machine's name. `once` is true when there will be one read only.
    """

    site: str = "default"
    fleet: str = "default"
    host: str | None = None
    once: bool = False

    def __post_init__(self) -> None:
        """Reject labels of which every sample would be rejected."""
        for name, label in (("site", self.site), ("fleet", self.fleet), ("host", self.host or "")):
            if is_hidden(label):
                raise GigawattError(f"{name} {label}: a label cannot have invisible or control characters; remove them")
            if len(label.encode(errors="replace")) > MAX_LABEL_BYTES:
                raise GigawattError(
                    f"{name} {label[:40]}...: a label can have at most {MAX_LABEL_BYTES} bytes; shorten it"
                )


@dataclass(frozen=True)
class Tick:
    """When a read is due: `ts_ms` is the scheduled epoch time, `interval_ms` the sampling period.

    Samples carry the scheduled time, so the rectangles of successive ticks touch and never overlap. After
    a missed tick the interval is one period still: what nobody measured shows as missing coverage.
    """

    ts_ms: int
    interval_ms: int


class Source(Protocol):
    """Something that can be sampled."""

    default_period_s: float
    """How often the source has something new to say; 0 to be read again at once until it is done."""

    def read(self, tick: Tick) -> Sequence[Batch]:
        """Return what there is to report, and nothing when there is nothing new.

        Raises `SourceError` when the reading failed: what was not read is lost, never made up.
        Raises `SourceDoneError` when it will never have anything more.
        """

    def close(self) -> None:
        """Let go of the outside world."""

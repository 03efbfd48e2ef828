"""Where samples go: what every sink can do, and the one that needs no broker."""

from collections import Counter
from dataclasses import dataclass, field
from typing import IO, Protocol

from producers.source import Batch
from producers.stack import Stack
from schema.encoding import encode_ndjson
from schema.errors import GigawattError


@dataclass
class Sent:
    """What a sink has done so far. `lost` counts samples that will not arrive; `sent_bytes` are uncompressed.

    `gathered` are the samples that wait for the other reads of their message.
    Of a spool: `spooled` are the samples that wait on disk, `dropped` those of `lost` by reason, and `damaged` the
    messages that could not be read back.
    """

    messages: int = 0
    samples: int = 0
    sent_bytes: int = 0
    lost: int = 0
    gathered: int = 0
    spooled: int = 0
    damaged: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


class OutputError(GigawattError):
    """Samples cannot be written where they were to go."""


class Sink(Protocol):
    """Takes batches; says what became of them in `sent`."""

    sent: Sent

    def publish(self, part: Batch | Stack) -> None:
        """Take messages. They are delivered later, or counted as lost; this never waits for a broker."""

    def watch(self) -> None:
        """Tell the operator what changed since the last call, if anything did."""

    def waiting_bytes(self) -> int:
        """Return how much was taken and not yet delivered."""

    def close(self, timeout_s: float) -> None:
        """Deliver what is left for that long at most; the rest is lost and counted."""


class NdjsonSink:
    """Writes newline-delimited JSON to a binary stream, flushed with each batch."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.sent = Sent()
        self._stream = stream

    def publish(self, part: Batch | Stack) -> None:
        """Write the samples. Raises `BrokenPipeError` when nobody reads any more, `OutputError` if nothing is taken."""
        lines = encode_ndjson(part.samples)
        try:
            self._stream.write(lines)
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"cannot write the samples: {error.strerror}") from error
        self.sent.messages += len(part) if isinstance(part, Stack) else 1
        self.sent.samples += part.samples.num_rows
        self.sent.sent_bytes += len(lines)

    def watch(self) -> None:
        """Nothing happens behind the caller's back."""

    def waiting_bytes(self) -> int:
        """Return 0: a batch is written before `publish` returns."""
        return 0

    def close(self, timeout_s: float) -> None:
        """Leave the stream open: it is the caller's."""

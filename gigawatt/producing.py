"""Run `gigawatt produce`: a source, a sampler and a sink, until stopped."""

import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol, runtime_checkable

import structlog

from gigawatt.memory import pass_over_loaded
from gigawatt.options import STANDARD_OUTPUT
from gigawatt.status_line import StatusLine
from gigawatt.stopping import stop_on_signals
from gigawatt.systemd import telling_systemd
from producers.gathered import Gathered
from producers.sampler import Outcome, Sampler
from producers.sink import NdjsonSink, OutputError, Sent, Sink
from producers.source import Source
from producers.spool.flags import Wanted
from producers.watched import Watched
from schema.address import Address
from schema.errors import GigawattError
from schema.kafka_access import OPEN, KafkaAccess

_DELIVER_S: Final = 10.0
_ONCE_WAITS_S: Final = 30.0


@runtime_checkable
class Telling(Protocol):
    """A source that has something of its own for the status line."""

    def status(self) -> str:
        """Say it in a few words."""


def produce(
    source: Source,
    to: str,
    access: KafkaAccess = OPEN,
    *,
    name: str,
    period_s: float | None,
    once: bool,
    publish_every_s: float | None = None,
    spool: Wanted | None = None,
    metrics: Address | None = None,
) -> None:
    """Sample until stopped. Raises `GigawattError` when a single read, or its delivery, failed.

    With `publish_every_s` a message has the samples of all reads of so long.
    What goes on is served at `metrics`, unless that is None or it is `once` and over.
    """
    watched = Watched(name, waiting_for=f"Kafka at {to}")
    with _served(None if once else metrics, watched), telling_systemd(watched.alive):
        _produce(
            source, to, access, watched, name=name, period_s=period_s, once=once, publish_every_s=publish_every_s,
            spool=spool,
        )  # fmt: skip


def _served(metrics: Address | None, watched: Watched) -> AbstractContextManager[object]:
    if metrics is None:
        return nullcontext()
    from producers.metrics import ProducerMetrics  # noqa: PLC0415  a producer that is not asked saves 3 MB
    from schema.served import SelfReport, serving  # noqa: PLC0415  the same

    return serving(metrics, SelfReport([ProducerMetrics(watched)], alive=watched.alive, ready=watched.ready))


def _produce(
    source: Source,
    to: str,
    access: KafkaAccess,
    watched: Watched,
    *,
    name: str,
    period_s: float | None,
    once: bool,
    publish_every_s: float | None,
    spool: Wanted | None,
) -> None:
    log = structlog.get_logger()
    stop = stop_on_signals()
    period = source.default_period_s if period_s is None or source.default_period_s == 0 else period_s
    try:
        sink = _gathering(_open_sink(to, access, stop, once=once, spool=spool), publish_every_s, period)
    except GigawattError:
        source.close()
        raise
    if sink is None:
        source.close()
        return
    line = StatusLine(sys.stderr)

    def watch() -> None:
        watched.turned()
        _show(line, name, source, sampler, sink)

    sampler = Sampler(source, sink.publish, period_s=period, stop=stop, watch=watch)
    watched.begin(sampler, sink)
    pass_over_loaded()
    if not once:
        log.info(f"reading {name} every {period:g} s" if period else f"reading {name}", to=to)
    try:
        _run(sampler, sink, once=once)
    except BrokenPipeError:
        sys.stdout = None  # the reader has closed the pipe: nothing is left to flush at exit
    except OutputError:
        sys.stdout = None  # or its flushing at exit would fail once more
        raise
    finally:
        line.clear()
        source.close()
        sink.close(_DELIVER_S)
    counts, sent = sampler.counts, sink.sent
    if not once:
        log.info(
            "stopped", **{str(outcome): reads for outcome, reads in counts.reads.items()},
            missed_ticks=counts.missed_ticks, samples=sent.samples, rejected=counts.rejected, lost=sent.lost,
            **{f"left_out_{name}": values for name, values in sorted(counts.left_out.items())},
            **(_of_spool(sent) if spool else {}),
        )  # fmt: skip
    elif not counts.samples and not counts.rejected and not stop.is_set():
        log.info("no samples: the source had nothing to report")
    if sent.lost:
        raise GigawattError(f"{sent.lost} samples could not be delivered to {to}; the reason is logged above")


def _run(sampler: Sampler, sink: Sink, *, once: bool) -> None:
    sampler.run(once=once)
    if isinstance(sink, Gathered):
        sink.hand_on()


def _gathering(sink: Sink | None, every_s: float | None, period_s: float) -> Sink | None:
    """Return a sink that hands on what is due, to that which there is; none where there is none."""
    return sink if sink is None or every_s is None else Gathered(sink, every_s=every_s, period_s=period_s)


def _of_spool(sent: Sent) -> dict[str, int]:
    dropped = {f"dropped_{reason}": samples for reason, samples in sorted(sent.dropped.items())}
    return {"spooled": sent.spooled, "damaged_messages": sent.damaged, **dropped}


def _open_sink(to: str, access: KafkaAccess, stop: threading.Event, *, once: bool, spool: Wanted | None) -> Sink | None:
    if to == STANDARD_OUTPUT:
        if sys.stdout is None:
            raise OutputError("cannot write the samples: standard output is closed")
        return NdjsonSink(sys.stdout.buffer)
    from producers.connection import connect  # noqa: PLC0415  the client loads for half a second
    from producers.publisher import KafkaPublisher  # noqa: PLC0415  the same
    from schema.topics import SAMPLES  # noqa: PLC0415

    if spool is not None:
        from producers.spool.publisher import open_publisher  # noqa: PLC0415  the same

        return open_publisher(spool.directory, spool.bounds, to, SAMPLES, access)
    connection = connect(to, SAMPLES, stop=stop, give_up_s=_ONCE_WAITS_S if once else None, access=access)
    if connection is None:
        return None
    return KafkaPublisher(
        connection, SAMPLES, reconnect=lambda: connect(to, SAMPLES, stop=stop, give_up_s=0, access=access)
    )


def _show(line: StatusLine, name: str, source: Source, sampler: Sampler, sink: Sink) -> None:
    sink.watch()
    counts, sent = sampler.counts, sink.sent
    title = f"{name} ({source.status()})" if isinstance(source, Telling) else name
    line.show(
        f"{title}: {sum(counts.reads.values())} reads, {sent.samples} samples, {sent.sent_bytes / 2**20:.1f} MiB sent, "
        f"{counts.reads[Outcome.FAILED]} failed, {counts.missed_ticks} missed, "
        f"{counts.rejected} rejected, {counts.left_out.total()} values left out, {sent.lost} lost, "
        f"{sink.waiting_bytes() / 2**20:.1f} MiB waiting"
    )

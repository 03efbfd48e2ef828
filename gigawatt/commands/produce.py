"""`gigawatt produce SOURCE`: read one source and publish what it says."""

import importlib
import logging
import pkgutil
import re
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any, Final, Protocol

import click
import structlog

from gigawatt.memory import keep_freed_memory
from gigawatt.status_line import StatusLine
from producers import sources
from producers.sampler import Outcome, Sampler
from producers.sink import NdjsonSink, Sink
from producers.source import Source, Where
from schema.errors import GigawattError
from schema.settings import Settings

STANDARD_OUTPUT: Final = "-"
_HOST_PORT: Final = re.compile(r"[^\s:/]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}")
_DELIVER_S: Final = 10.0
_ONCE_WAITS_S: Final = 30.0


class SourceModule(Protocol):
    """What a file in `producers/sources` holds."""

    __doc__: str | None
    OPTIONS: Sequence[click.Parameter]

    def open_source(self, where: Where, **options: Any) -> Source:
        """Make the source from its own options."""


def source_names() -> list[str]:
    """Name every source file, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(sources.__path__))


def _show_list(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001  click's signature
    if value:
        click.echo("\n".join(source_names()))
        ctx.exit()


def _checked_target(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and value != STANDARD_OUTPUT and not _HOST_PORT.fullmatch(value):
        raise click.BadParameter(f"{value} is neither HOST:PORT of a Kafka broker nor -")
    return value


def common_options() -> list[click.Parameter]:
    """Return the flags that every source understands."""
    return [
        click.Option(["--site"], help="Data centre or region.  [default: GIGAWATT_SITE, else default]"),
        click.Option(["--fleet"], help="Pool that is budgeted.  [default: GIGAWATT_FLEET, else default]"),
        click.Option(["--host"], help="Name of the machine.  [default: what the source says, else this one]"),
        click.Option(
            ["--period", "period_s"],
            type=click.FloatRange(min=0.01, max=3600),
            metavar="SECONDS",
            help="Time between reads.  [default: the source's own]",
        ),
        click.Option(["--once"], is_flag=True, help="Read once, publish, and end."),
        click.Option(
            ["--to"],
            metavar="HOST:PORT|-",
            callback=_checked_target,
            help="A Kafka broker, or - for JSON lines on standard output."
            "  [default: GIGAWATT_KAFKA, else 127.0.0.1:9092]",
        ),
    ]


class SourceFolder(click.Group):
    """A click group whose commands are the files of `producers/sources`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Name every source file, sorted."""
        return source_names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's
        """Import the file of that name and make a command of it; None when there is no such file."""
        if cmd_name not in source_names():
            return None
        module: Any = importlib.import_module(f"producers.sources.{cmd_name}")
        return source_command(cmd_name, module)


def source_command(name: str, module: SourceModule) -> click.Command:
    """Make the command that reads this source, with its own flags and the common ones."""

    def run(
        *, site: str | None, fleet: str | None, host: str | None,
        period_s: float | None, once: bool, to: str | None, **options: Any,
    ) -> None:  # fmt: skip
        _log_to_stderr()
        keep_freed_memory()
        settings = Settings()
        where = Where(site or settings.site, fleet or settings.fleet, host, once)
        source = module.open_source(where, **options)
        produce(source, to or settings.kafka, name=name, period_s=period_s, once=once)

    params = [*module.OPTIONS, *common_options()]
    return click.Command(name, callback=run, params=params, help=module.__doc__)


@click.group(cls=SourceFolder)
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_show_list, help="Name the sources.")
def command() -> None:
    """Read one SOURCE and publish its samples to Kafka, or as JSON lines."""


def produce(source: Source, to: str, *, name: str, period_s: float | None, once: bool) -> None:
    """Sample until told to stop. Raises `GigawattError` when a single read, or its delivery, failed."""
    log = structlog.get_logger()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    period = source.default_period_s if period_s is None or source.default_period_s == 0 else period_s
    sink = _open_sink(to, stop, once=once)
    if sink is None:
        source.close()
        return
    line = StatusLine(sys.stderr)
    sampler = Sampler(source, sink.publish, period_s=period, stop=stop, watch=lambda: _show(line, name, sampler, sink))
    if not once:
        log.info(f"reading {name} every {period:g} s" if period else f"reading {name}", to=to)
    try:
        sampler.run(once=once)
    except BrokenPipeError:
        sys.stdout = None  # whoever read has what they wanted; nothing is left to be flushed at exit
    finally:
        line.clear()
        source.close()
        sink.close(_DELIVER_S)
    counts, sent = sampler.counts, sink.sent
    if not once:
        log.info(
            "stopped", **{str(outcome): reads for outcome, reads in counts.reads.items()},
            missed_ticks=counts.missed_ticks, samples=sent.samples, lost=sent.lost,
        )  # fmt: skip
    if sent.lost:
        raise GigawattError(f"{sent.lost} samples could not be delivered to {to}: see the reason above")


def _open_sink(to: str, stop: threading.Event, *, once: bool) -> Sink | None:
    if to == STANDARD_OUTPUT:
        return NdjsonSink(sys.stdout.buffer)
    from producers.publisher import KafkaPublisher, connect  # noqa: PLC0415  the client loads for half a second
    from schema.topics import SAMPLES  # noqa: PLC0415

    connection = connect(to, SAMPLES, stop=stop, give_up_s=_ONCE_WAITS_S if once else None)
    if connection is None:
        return None
    return KafkaPublisher(connection, SAMPLES, reconnect=lambda: connect(to, SAMPLES, stop=stop, give_up_s=0))


def _show(line: StatusLine, name: str, sampler: Sampler, sink: Sink) -> None:
    sink.watch()
    counts, sent = sampler.counts, sink.sent
    line.show(
        f"{name}: {sum(counts.reads.values())} reads, {sent.samples} samples, {sent.sent_bytes / 2**20:.1f} MiB sent, "
        f"{counts.reads[Outcome.FAILED]} failed, {counts.missed_ticks} missed, {sent.lost} lost, "
        f"{sink.waiting_bytes() / 2**20:.1f} MiB waiting"
    )


def _log_to_stderr() -> None:
    """Log plain lines to standard error; the Kafka client's own lines would say everything twice."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )

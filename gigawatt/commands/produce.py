"""`gigawatt produce SOURCE`: read one source and publish its samples."""

import importlib
import pkgutil
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

import click

from gigawatt.memory import keep_freed_memory, load_lean
from gigawatt.options import CONFIG_HELP, STANDARD_OUTPUT, brokers, metrics_and_log_options
from producers import sources
from producers.flags import MOST_GATHERED_S, FiniteRange
from producers.spool import flags as spool_flags
from schema.kafka_access import OPEN, KafkaAccess
from schema.settings import Settings
from schema.terminal import say_lines

if TYPE_CHECKING:
    from producers.source import Source, Where
    from schema.address import Address

_HOST_PORT: Final = re.compile(r"[^\s:/]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}")


class SourceModule(Protocol):
    """What a file in `producers/sources` holds."""

    __doc__: str | None
    OPTIONS: Sequence[click.Parameter]

    def open_source(self, where: "Where", **options: Any) -> "Source":
        """Make the source from its own options."""


def source_names() -> list[str]:
    """Name every source file, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(sources.__path__))


def _show_list(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001  click's signature
    if value:
        say_lines("\n".join(source_names()))
        ctx.exit()


def _checked_target(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and value != STANDARD_OUTPUT and not _HOST_PORT.fullmatch(value):
        raise click.BadParameter(f"{value} is neither the HOST:PORT of a Kafka broker nor -")
    return value


_LABEL_HELP: Final = {
    "--site": "Data centre or region.  [default: GIGAWATT_SITE, else default]",
    "--fleet": "Fleet: the pool of chips that shares a budget.  [default: GIGAWATT_FLEET, else default]",
    "--host": "Host name of the chips.  [default: the host that the source reports, else this machine]",
}


def common_options(label_help: Mapping[str, str] = MappingProxyType({})) -> list[click.Parameter]:
    """Return the flags that every source understands; `label_help` is how a source has it with those of the labels."""
    return [
        *(click.Option([flag], help=label_help.get(flag, usual)) for flag, usual in _LABEL_HELP.items()),
        click.Option(
            ["--period", "period_s"],
            type=FiniteRange(min=0.01, max=3600),
            metavar="SECONDS",
            help="Time between reads.  [default: the source's own]",
        ),
        click.Option(
            ["--publish-every", "publish_every_s"],
            type=FiniteRange(min=0.01, max=MOST_GATHERED_S),
            metavar="SECONDS",
            envvar="GIGAWATT_PUBLISH_EVERY",
            show_envvar=True,
            help="Send the samples of this many seconds (up to 5) in one message; each keeps its own time."
            "  [default: one message per read]",
        ),
        click.Option(["--once"], is_flag=True, help="Read once, publish, and exit."),
        click.Option(
            ["--to"],
            metavar="HOST:PORT|-",
            callback=_checked_target,
            help="Kafka broker, or - for JSON lines on standard output."
            "  [default: GIGAWATT_KAFKA, else 127.0.0.1:9092]",
        ),
        click.Option(["--kafka-config"], type=click.Path(path_type=Path, dir_okay=False), help=CONFIG_HELP),
        *spool_flags.options(),
        *metrics_and_log_options(),
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
        load_lean()
        from gigawatt.log import log_to_stderr  # noqa: PLC0415  with what load_lean has prepared

        log_to_stderr()
        module: Any = importlib.import_module(f"producers.sources.{cmd_name}")
        return source_command(cmd_name, module)


def source_command(name: str, module: SourceModule) -> click.Command:
    """Make the command that reads this source, with its own flags and the common ones."""

    def run(
        *, site: str | None, fleet: str | None, host: str | None,
        period_s: float | None, publish_every_s: float | None, once: bool, to: str | None, kafka_config: Path | None,
        spool: Path | None, spool_bytes: int, spool_age: float,
        metrics: "Address | None", log_format: str, log_level: str, **options: Any,
    ) -> None:  # fmt: skip
        import structlog  # noqa: PLC0415  with what load_lean has prepared

        from gigawatt.log import logging_to_stderr  # noqa: PLC0415  the same
        from gigawatt.producing import produce  # noqa: PLC0415  the same
        from producers.machine_name import PASSING_NAME, in_container  # noqa: PLC0415  the same
        from producers.source import Where  # noqa: PLC0415  the same

        keep_freed_memory()
        settings = Settings.read()
        access = OPEN if to == STANDARD_OUTPUT else KafkaAccess.read(kafka_config)
        where = Where(site or settings.site, fleet or settings.fleet, host, once)
        waits = spool if not once and to != STANDARD_OUTPUT else None
        wanted = spool_flags.wanted(waits, spool_bytes, spool_age)
        with logging_to_stderr(log_format, log_level, in_columns=True):
            source = module.open_source(where, **options)
            if host is None and not once and in_container() and "--host" not in getattr(module, "LABEL_HELP", {}):
                structlog.get_logger().warning(PASSING_NAME)
            produce(
                source, brokers(to, access), access, name=name, period_s=period_s, once=once,
                publish_every_s=publish_every_s, spool=wanted, metrics=metrics,
            )  # fmt: skip

    params = [*module.OPTIONS, *common_options(getattr(module, "LABEL_HELP", {}))]
    return click.Command(name, callback=run, params=params, help=module.__doc__)


@click.group(cls=SourceFolder)
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_show_list, help="List the sources.")
def command() -> None:
    """Read one SOURCE and publish its samples. They go to Kafka, or as JSON lines to standard output."""

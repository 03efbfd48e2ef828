"""Flags that several commands share, with the environment variable behind each."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from schema.address import OFF, Address, address_of
from schema.errors import GigawattError
from schema.printable import bare
from schema.settings import LOG_FORMATS, LOG_LEVELS, Settings, kafka_addresses

STANDARD_OUTPUT: Final = "-"
"""Where a broker may be named, it stands for standard output."""
_DEFAULTS = Settings.read()


def _named(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    kafka_addresses(value)
    return value


kafka = click.option(
    "--kafka",
    metavar="HOST:PORT[,...]",
    default=_DEFAULTS.kafka,
    show_default=True,
    callback=_named,
    help="Kafka brokers.  [env: GIGAWATT_KAFKA]",
)
clickhouse = click.option(
    "--clickhouse",
    metavar="URL",
    default=_DEFAULTS.clickhouse,
    show_default=bare(_DEFAULTS.clickhouse),  # it may have a password
    help="ClickHouse over HTTP, such as http://user:password@host:8123.  [env: GIGAWATT_CLICKHOUSE]",
)
verbose = click.option("-v", "--verbose", is_flag=True, help="Log what the libraries say, too.")


def _address(_ctx: click.Context, _param: click.Parameter, value: str) -> Address | None:
    try:
        return address_of(value)
    except GigawattError as error:
        raise click.BadParameter(str(error)) from error


_TOLD: Final[dict[str, dict[str, Any]]] = {
    "--metrics": {
        "metavar": "[HOST:]PORT|off",
        "default": _DEFAULTS.metrics,
        "show_default": True,
        "callback": _address,
        "help": "Serve /metrics, /healthz and /readyz; without HOST to this machine alone.  [env: GIGAWATT_METRICS]",
    },
    "--log-format": {
        "type": click.Choice(LOG_FORMATS),
        "default": _DEFAULTS.log_format,
        "show_default": True,
        "help": "Log plain lines, or a JSON object a line.  [env: GIGAWATT_LOG_FORMAT]",
    },
    "--log-level": {
        "type": click.Choice(LOG_LEVELS),
        "default": _DEFAULTS.log_level,
        "show_default": True,
        "help": "Log from this level on.  [env: GIGAWATT_LOG_LEVEL]",
    },
}
_Command = TypeVar("_Command", bound=Callable[..., object])


def told_options() -> list[click.Parameter]:
    """Return what every command that runs for long has: where it serves its metrics, and how it logs."""
    return [click.Option([name], **settings) for name, settings in _TOLD.items()]


def told(*, metrics: str = OFF, help_of_metrics: str = "") -> Callable[[_Command], _Command]:
    """Give a command those options; `metrics` is where it serves unless somebody says otherwise."""
    own: dict[str, Any] = {"default": metrics} if _DEFAULTS.metrics == OFF else {}
    own |= {"help": help_of_metrics} if help_of_metrics else {}

    def decorated(command: _Command) -> _Command:
        for name, settings in reversed(_TOLD.items()):
            command = click.option(name, **settings | (own if name == "--metrics" else {}))(command)
        return command

    return decorated

"""Flags that several commands share, with the environment variable behind each."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from schema.address import OFF, Address, address_of
from schema.errors import GigawattError
from schema.kafka_access import KafkaAccess
from schema.kafka_settings import VARIABLE
from schema.printable import bare
from schema.settings import LOG_FORMATS, LOG_LEVELS, Settings, kafka_addresses

STANDARD_OUTPUT: Final = "-"
"""Stands for standard output where a broker may be named."""
_DEFAULTS = Settings.read()


def brokers(given: str | None, access: KafkaAccess) -> str:
    """Return the brokers of a flag, else those of GIGAWATT_KAFKA, of the file of --kafka-config, or the default."""
    return given or (access.bootstrap if access.bootstrap and "GIGAWATT_KAFKA" not in os.environ else _DEFAULTS.kafka)


def _named(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if ctx.get_parameter_source(str(param.name)) is ParameterSource.DEFAULT and "access" in ctx.params:
        value = brokers(None, ctx.params["access"])
    kafka_addresses(value)
    return value


def _access(ctx: click.Context, _param: click.Parameter, value: Path | None) -> KafkaAccess | None:
    return None if ctx.resilient_parsing else KafkaAccess.read(value)


CONFIG_HELP: Final = (
    f"File with Kafka client settings such as security.protocol=SASL_SSL, one per line.  [env: {VARIABLE}; single"
    " settings as GIGAWATT_KAFKA_SECURITY_PROTOCOL etc.]"
)
_broker = click.option(
    "--kafka",
    metavar="HOST:PORT[,...]",
    default=_DEFAULTS.kafka,
    show_default=True,
    callback=_named,
    help="Addresses of Kafka brokers.  [env: GIGAWATT_KAFKA]",
)
_config = click.option(
    "--kafka-config",
    "access",
    type=click.Path(path_type=Path, dir_okay=False),
    is_eager=True,  # the brokers may be in it
    callback=_access,
    help=CONFIG_HELP,
)


def kafka(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the brokers as `kafka`, and how they are reached as `access`."""
    return _broker(_config(command))


clickhouse = click.option(
    "--clickhouse",
    metavar="URL",
    default=_DEFAULTS.clickhouse,
    show_default=bare(_DEFAULTS.clickhouse),  # it may have a password
    help="HTTP address of ClickHouse, such as https://user@host:8443. GIGAWATT_CLICKHOUSE_PASSWORD_FILE names the file"
    " with the user's password.  [env: GIGAWATT_CLICKHOUSE]",
)
verbose = click.option("-v", "--verbose", is_flag=True, help="Also log messages of libraries.")


def _address(_ctx: click.Context, _param: click.Parameter, value: str) -> Address | None:
    try:
        return address_of(value)
    except GigawattError as error:
        raise click.BadParameter(str(error)) from error


_METRICS_AND_LOG: Final[dict[str, dict[str, Any]]] = {
    "--metrics": {
        "metavar": "[HOST:]PORT|off",
        "default": _DEFAULTS.metrics,
        "show_default": True,
        "callback": _address,
        "help": "Serve /metrics, /healthz and /readyz here; without HOST on loopback only.  [env: GIGAWATT_METRICS]",
    },
    "--log-format": {
        "type": click.Choice(LOG_FORMATS),
        "default": _DEFAULTS.log_format,
        "show_default": True,
        "help": "Log plain lines, or one JSON object per line.  [env: GIGAWATT_LOG_FORMAT]",
    },
    "--log-level": {
        "type": click.Choice(LOG_LEVELS),
        "default": _DEFAULTS.log_level,
        "show_default": True,
        "help": "Lowest level to log.  [env: GIGAWATT_LOG_LEVEL]",
    },
}
_Command = TypeVar("_Command", bound=Callable[..., object])


def metrics_and_log_options() -> list[click.Parameter]:
    """Return what every command that runs for long has: where it serves its metrics, and how it logs."""
    return [click.Option([name], **settings) for name, settings in _METRICS_AND_LOG.items()]


def metrics_and_log(*, metrics: str = OFF, help_of_metrics: str = "") -> Callable[[_Command], _Command]:
    """Give a command those options; `metrics` is where it serves unless a flag or variable says otherwise."""
    own: dict[str, Any] = {"default": metrics} if _DEFAULTS.metrics == OFF else {}
    own |= {"help": help_of_metrics} if help_of_metrics else {}

    def decorated(command: _Command) -> _Command:
        for name, settings in reversed(_METRICS_AND_LOG.items()):
            command = click.option(name, **settings | (own if name == "--metrics" else {}))(command)
        return command

    return decorated

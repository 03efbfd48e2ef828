"""Flags that several commands share, with the environment variable behind each."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from schema.kafka_access import KafkaAccess
from schema.kafka_settings import VARIABLE
from schema.printable import bare
from schema.settings import Settings, kafka_addresses

STANDARD_OUTPUT: Final = "-"
"""Where a broker may be named, it stands for standard output."""
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
    f"Kafka's own client settings (security.protocol=SASL_SSL and so on), a line each.  [env: {VARIABLE}, and each"
    " setting as GIGAWATT_KAFKA_SECURITY_PROTOCOL and so on]"
)
_broker = click.option(
    "--kafka",
    metavar="HOST:PORT[,...]",
    default=_DEFAULTS.kafka,
    show_default=True,
    callback=_named,
    help="Kafka brokers.  [env: GIGAWATT_KAFKA]",
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
    help="ClickHouse over HTTP, such as https://user@host:8443, with the user's password in the file that"
    " GIGAWATT_CLICKHOUSE_PASSWORD_FILE names.  [env: GIGAWATT_CLICKHOUSE]",
)
verbose = click.option("-v", "--verbose", is_flag=True, help="Log what the libraries say, too.")

"""Flags that several commands share, with the environment variable behind each."""

from typing import Final

import click

from schema.printable import bare
from schema.settings import Settings, kafka_addresses

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
    help="ClickHouse over HTTP, such as https://user@host:8443, with the user's password in the file that"
    " GIGAWATT_CLICKHOUSE_PASSWORD_FILE names.  [env: GIGAWATT_CLICKHOUSE]",
)
verbose = click.option("-v", "--verbose", is_flag=True, help="Log what the libraries say, too.")

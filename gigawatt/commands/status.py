"""`gigawatt status`."""

import sys

import click

from gigawatt import health, options
from gigawatt.looking import quiet_clients
from schema.clickhouse import connect
from schema.kafka import KafkaAdmin
from schema.kafka_access import KafkaAccess
from schema.terminal import say


@click.command()
@options.kafka
@options.clickhouse
def command(*, kafka: str, access: KafkaAccess, clickhouse: str) -> None:
    """Show whether each component is up and how far workers lag.

    Also shows free disk space, lost messages, rejected rows, and fleets whose chips are reported twice. Exit status 1
    if a component is down.
    """
    quiet_clients()
    down = False
    for finding in health.look(
        lambda: KafkaAdmin(kafka, timeout_s=5.0, access=access),
        lambda: connect(clickhouse, database=None, timeout_s=10),
    ):
        down |= not finding.up
        say(f"{'up' if finding.up else 'DOWN':<5} {finding.part:<12} {finding.detail}")
    if down:
        sys.exit(1)

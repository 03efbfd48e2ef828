"""`gigawatt migrate`."""

from pathlib import Path

import click

from gigawatt import options
from schema.clickhouse import connect
from schema.fleet import budgets, load, rack_hosts
from schema.kafka import KafkaAdmin
from schema.kafka_access import KafkaAccess
from schema.migrate import load as load_migrations
from schema.migrate import migrate, set_budgets
from schema.settings import Settings
from schema.terminal import say

_DEFAULTS = Settings.read()
_COUNT = click.IntRange(1)


@click.command()
@options.kafka
@options.clickhouse
@click.option(
    "--fleet-file", type=click.Path(path_type=Path), help="Take budgets, expected chips and racks from this file."
)
@click.option(
    "--partitions", default=_DEFAULTS.partitions, show_default=True, type=_COUNT, help="Of the topic, when new."
)
@click.option(
    "--replication", default=_DEFAULTS.replication, show_default=True, type=_COUNT, help="Of topics, when new."
)
@click.option("--skip-topics", is_flag=True, help="Leave Kafka alone.")
def command(
    *,
    kafka: str,
    access: KafkaAccess,
    clickhouse: str,
    fleet_file: Path | None,
    partitions: int,
    replication: int,
    skip_topics: bool,
) -> None:
    """Bring ClickHouse and the topics to the current schema; safe to run again."""
    fleet = load(fleet_file) if fleet_file else None
    client = connect(clickhouse, database=None)
    applied = migrate(client, load_migrations(), _say)
    if fleet is not None:
        set_budgets(client, budgets(fleet), rack_hosts(fleet))
        _say(f"budgets{' and racks' if fleet.racks else ''} of {fleet_file} set")
    if not skip_topics:
        with KafkaAdmin(kafka, access=access) as admin:
            admin.ensure(partitions, replication, _say)
    if not applied:
        _say("schema is current")


def _say(line: str) -> None:
    say(line, err=True)

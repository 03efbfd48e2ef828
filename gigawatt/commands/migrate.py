"""`gigawatt migrate`."""

from pathlib import Path

import click

from gigawatt import options
from schema.clickhouse import connect
from schema.fleet import budgets, load, rack_hosts
from schema.kafka import KafkaAdmin
from schema.kafka_access import KafkaAccess
from schema.migrate import set_budgets, upgrade
from schema.rights import ROLES
from schema.settings import Settings
from schema.terminal import say
from schema.users import make_users, read_passwords

_DEFAULTS = Settings.read()
_COUNT = click.IntRange(1)


@click.command()
@options.kafka
@options.clickhouse
@click.option(
    "--fleet-file",
    type=click.Path(path_type=Path),
    help="Load budgets, expected chips, limits and racks from this file.",
)
@click.option(
    "--partitions",
    default=_DEFAULTS.partitions,
    show_default=True,
    type=_COUNT,
    help="Partitions when creating the samples topic.",
)
@click.option(
    "--replication",
    default=_DEFAULTS.replication,
    show_default=True,
    type=_COUNT,
    help="Replication factor when creating topics.",
)
@click.option("--skip-topics", is_flag=True, help="Do not change Kafka.")
@click.option(
    "--users",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"First create the ClickHouse users {', '.join(role.user for role in ROLES)}, or change their passwords. "
    "The directory has one file per user, named like the user, with the password.",
)
def command(
    *,
    kafka: str,
    access: KafkaAccess,
    clickhouse: str,
    fleet_file: Path | None,
    partitions: int,
    replication: int,
    skip_topics: bool,
    users: Path | None,
) -> None:
    """Bring ClickHouse and the topics to the current schema. Safe to run again.

    With --users, connect as a user who may create users. Each user gets exactly the rights that its commands need: the
    first runs migrations, the second workers, the third reads for dashboards. docs/security.md lists the rights.
    """
    fleet = load(fleet_file) if fleet_file else None
    words = read_passwords(users) if users else None
    client = connect(clickhouse, database=None)
    if words is not None:
        make_users(client, words, _say)
    done = upgrade(client, _say)
    if fleet is not None:
        set_budgets(client, budgets(fleet), rack_hosts(fleet))
        _say(f"budgets{' and racks' if fleet.racks else ''} of {fleet_file} set")
    if not skip_topics:
        with KafkaAdmin(kafka, access=access) as admin:
            admin.ensure(partitions, replication, _say)
    if not done:
        _say("schema is current")


def _say(line: str) -> None:
    say(line, err=True)

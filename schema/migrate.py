"""Forward-only SQL migrations: the files of `schema/migrations`, each applied once, in order.

What was applied is recorded with a checksum. A migration that was applied and then edited is rejected, since
no two databases would be alike any more. Statements may be run again after a crash half-way.
"""

import hashlib
import itertools
import re
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from clickhouse_connect.driver.client import Client

from schema.clickhouse import DATABASE
from schema.errors import GigawattError
from schema.fleet import Budget, RackHost
from schema.view_files import load_views, make_views

_NAME = re.compile(r"(?P<version>\d{4})_[a-z0-9_]+\.sql")
# Files that were written anew without a change of what they make, with the checksum that older databases keep: COMMENT
# stands before CODEC now, as ClickHouse 25.8 wants it.
_WRITTEN_ANEW = {
    "0001_power.sql": "613cc823a9dbd7491ce2395786b0c2959eb0b82955e01c8014dde1706fb483c6",
    "0002_raw_samples.sql": "9419b3c09a25f8aad5be7a7f1eb3821e537d1343e4819a1383d6be715d33e63d",
    "0006_dashboards.sql": "a97990bb2b5c1e86bc1d5423ae106dd832ffd3e7091bfc4476ac93351fad111f",
}
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
_RECORDS = """
CREATE TABLE IF NOT EXISTS schema_migrations
(version UInt32, name String, checksum String, applied_at DateTime('UTC') DEFAULT now())
ENGINE = MergeTree ORDER BY version
"""


class MigrationError(GigawattError):
    """The migrations on disk and those in the database do not go together."""


@dataclass(frozen=True)
class Migration:
    """One file: its number, its name and its SQL."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """What is recorded, to notice a later change; spaces at line ends do not count."""
        text = "\n".join(line.rstrip() for line in self.sql.strip().splitlines())
        return hashlib.sha256(text.encode()).hexdigest()

    def statements(self) -> list[str]:
        """Split at the semicolons that end a line, and make each statement safe to run again."""
        without_comments = re.sub(r"^--.*\n", "", self.sql, flags=re.MULTILINE)
        parts = (part.strip() for part in re.split(r";\s*(?:\n|$)", without_comments))
        return [_repeatable(part) for part in parts if part]


def _repeatable(statement: str) -> str:
    return re.sub(r"\ACREATE (TABLE|VIEW|MATERIALIZED VIEW) ", r"CREATE \1 IF NOT EXISTS ", statement)


def load(folder: Traversable | None = None) -> list[Migration]:
    """Read the migrations, in order. Raises `MigrationError` on a strange name or a number used twice."""
    folder = folder or resources.files("schema") / "migrations"
    migrations = []
    for file in folder.iterdir():
        if not file.name.endswith(".sql"):
            continue
        match = _NAME.fullmatch(file.name)
        if match is None:
            raise MigrationError(f"{file.name}: name a migration like 0005_what_it_does.sql")
        migrations.append(Migration(int(match["version"]), file.name, file.read_text()))
    migrations.sort(key=lambda migration: migration.version)
    for before, after in itertools.pairwise(migrations):
        if before.version == after.version:
            raise MigrationError(
                f"{before.name} and {after.name} have the same number; give the newer one the next number"
            )
    return migrations


def pending(migrations: Sequence[Migration], applied: dict[int, tuple[str, str]]) -> list[Migration]:
    """Return what is still to be applied, given the applied versions with their names and checksums.

    Raises `MigrationError` when an applied migration was changed, is missing, or was overtaken.
    """
    known = {migration.version: migration for migration in migrations}
    for version, (name, checksum) in sorted(applied.items()):
        if version not in known:
            raise MigrationError(
                f"the database has {name}, which this version of Gigawatt does not have; use a newer version"
            )
        if checksum not in {known[version].checksum, _WRITTEN_ANEW.get(known[version].name)}:
            raise MigrationError(
                f"the database was made with another {known[version].name}; use the Gigawatt version that made it, or"
                " an empty database (with `gigawatt up`, another --state). To change the schema, write a new migration"
            )
    newest = max(applied, default=0)
    todo = [migration for migration in migrations if migration.version not in applied]
    for migration in todo:
        if migration.version < newest:
            raise MigrationError(f"{migration.name} is older than an applied migration; give it the next free number")
    return todo


def upgrade(client: Client, said: Callable[[str], None] = lambda _: None) -> list[str]:
    """Bring a database to the current schema, tables and then views; return what was applied or made, by name.

    Safe to run again, and safe to run from two places at once.
    """
    applied = migrate(client, load(), said)
    made = make_views(client, load_views(), said, anew=bool(applied))
    return [*(migration.name for migration in applied), *made]


def migrate(
    client: Client, migrations: Sequence[Migration], said: Callable[[str], None] = lambda _: None
) -> list[Migration]:
    """Bring the tables to the newest schema; return what was applied now, telling `said` of each.

    Safe to run again, and safe to run from two places at once.
    """
    client.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    client.database = DATABASE
    client.command(_RECORDS)
    rows = client.query("SELECT version, name, checksum FROM schema_migrations").result_rows
    todo = pending(migrations, {version: (name, checksum) for version, name, checksum in rows})
    for migration in todo:
        said(f"applying {migration.name}")
        for statement in migration.statements():
            client.command(statement)
        client.insert(
            "schema_migrations",
            [[migration.version, migration.name, migration.checksum]],
            column_names=["version", "name", "checksum"],
        )
    return todo


def set_budgets(
    client: Client, budgets: Sequence[Budget], racks: Sequence[RackHost] = (), now: datetime | None = None
) -> None:
    """Make these the budgets and the racks from now on, in the place of all that were set before.

    The first budget of a fleet also holds for the time before, unless the fleet was reported by then. The same file
    again changes nothing.
    """
    if not budgets or _in_force(client, budgets, racks):
        return
    now = now or datetime.now(UTC)
    known = _groups(client, "budget_loads") | _groups(client, "label_rulings")
    rows: list[list[Any]] = [[now, *one, now if one[:3] in known else _ALWAYS, True] for one in budgets]
    gone = _groups(client, "budgets") - {one[:3] for one in budgets}
    rows += [[now, *group, 0.0, 0, {}, now, False] for group in sorted(gone)]
    # The budgets last: it is their time that says which racks count.
    if racks:
        client.insert("rack_loads", [[now, *one] for one in racks], column_names=["loaded_at", *RackHost._fields])
    client.insert("budget_loads", rows, column_names=["loaded_at", *Budget._fields, "since", "planned"])


def end_budgets(client: Client, ended: AbstractSet[tuple[str, str, str]], now: datetime) -> None:
    """End the budgets of some fleets, by site, fleet and platform: all others and the racks stay as they are."""
    if not ended:
        return
    rows = client.query("SELECT site, fleet, platform, budget_w, chips_expected, limits FROM budgets").result_rows
    placed = client.query("SELECT site, rack, host FROM rack_hosts").result_rows
    loads = [[now, *row, now, True] for row in rows if tuple(row[:3]) not in ended]
    loads += [[now, *group, 0.0, 0, {}, now, False] for group in sorted(ended)]
    if placed:
        client.insert("rack_loads", [[now, *one] for one in placed], column_names=["loaded_at", *RackHost._fields])
    client.insert("budget_loads", loads, column_names=["loaded_at", *Budget._fields, "since", "planned"])


def _in_force(client: Client, budgets: Sequence[Budget], racks: Sequence[RackHost]) -> bool:
    """Say whether exactly these are the budgets and racks already."""
    loaded = client.query("SELECT site, fleet, platform, budget_w, chips_expected, limits FROM budgets").result_rows
    placed = client.query("SELECT site, rack, host FROM rack_hosts").result_rows
    same = _by_group([Budget(*row) for row in loaded]) == _by_group(budgets)
    return same and {RackHost(*row) for row in placed} == set(racks)


def _by_group(budgets: Sequence[Budget]) -> dict[tuple[str, str, str], tuple[float, int, dict[str, float]]]:
    return {one[:3]: (one.budget_w, one.chips_expected, dict(one.limits)) for one in budgets}


def _groups(client: Client, table: str) -> set[tuple[str, str, str]]:
    """Return the fleets that a table names."""
    rows = client.query(f"SELECT DISTINCT site, fleet, platform FROM {table}").result_rows  # noqa: S608  ours
    return {(str(site), str(fleet), str(platform)) for site, fleet, platform in rows}

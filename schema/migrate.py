"""Forward-only SQL migrations: the files of `schema/migrations`, each applied once, in order.

What was applied is recorded with a checksum. A migration that was applied and then edited is rejected, since
no two databases would be alike any more. Statements may be run again after a crash half-way.
"""

import hashlib
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from schema.clickhouse import DATABASE
from schema.errors import GigawattError
from schema.fleet import Budget, RackHost
from schema.view_files import load_views, make_views

_NAME = re.compile(r"(?P<version>\d{4})_[a-z0-9_]+\.sql")
# Files that were written anew without a change of what they make, with the checksums that older databases keep: COMMENT
# stands before CODEC now, as ClickHouse 25.8 wants it, and views are files of `schema/views`.
_WRITTEN_ANEW: Final[Mapping[str, tuple[str, ...]]] = {
    "0001_power.sql": (
        "613cc823a9dbd7491ce2395786b0c2959eb0b82955e01c8014dde1706fb483c6",
        "319e902ee20aae64d5fef6600619ff36b40e10f9ac8dc7a3847bbc5b0dc34f55",
    ),
    "0002_raw_samples.sql": (
        "9419b3c09a25f8aad5be7a7f1eb3821e537d1343e4819a1383d6be715d33e63d",
        "a12e3aef83d9527c4b88ac0c015f3ec9fe1a0bb1bc6b84f70402511dfd627a61",
    ),
    "0004_fleet_power.sql": ("c62f2302a6237cd471f68a42cf9bf6278aaf32629d612df8d9b7235e829d0972",),
    "0005_meters.sql": ("cfee499121bf1a4998546cb80104ec55f45404baee31bf8032d2575add5643ee",),
    "0006_dashboards.sql": (
        "a97990bb2b5c1e86bc1d5423ae106dd832ffd3e7091bfc4476ac93351fad111f",
        "36eafd3250ad54d3f6c91e5669b4f269c15aa7ace8b31915a839855b1ed558b0",
    ),
    "0007_published.sql": ("9aa98dd6315a5b3d7be7b8c2bb46974dbf5e6a6b25335c2b1c952bc68646b0ae",),
    "0008_speed.sql": ("da9d93e8f16b3d11603289de84e34210af6cfbd59afff263e0eaee2144e56dfc",),
    "0009_messages.sql": ("5700165af7895365d509457ad0835a8e496c144fc7a92f70d847f80b9a74ffa5",),
    "0010_doubtful.sql": ("2a663a3dd55ae07bef4d6fd0ce7b590412c125ea5107b9072b310bf1be789394",),
    "0012_capacity.sql": ("9a2698abc73f714ec29edd0c1ea46cbe0f33e474ff1ee72a6a7a380f71f169bb",),
    "0013_fleets.sql": ("7f9f43112674c95e06531c7a08a76f4912d2851868a6ec8ab3bb7751c32d6d9e",),
    "0015_replayed.sql": ("c8cec2c076d86a596c237a603c00a5819b9ca8ac82c6f77aeb70f553ab4bc42c",),
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
        if checksum not in (known[version].checksum, *_WRITTEN_ANEW.get(known[version].name, ())):
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

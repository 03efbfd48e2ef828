"""Who may do what in ClickHouse: one list, of which SQL, a users' file and the table in docs/security.md are made.

Each user has what the commands that run as it need, and no more. None may reach beyond ClickHouse: not to a file, a URL
or another server.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from schema.published import DATABASE, STORE


@dataclass(frozen=True)
class Bound:
    """A setting of a user: what it is unless a query says otherwise, and from where to where a query may set it."""

    value: int
    least: int
    most: int


@dataclass(frozen=True, eq=False)
class Role:
    """A user of ClickHouse, who runs as it, and what it may.

    `grants` are privileges by what they are on; `readonly` is that setting (2: may bound its own queries, and not
    write), `bounds` the settings that its queries are held to.
    """

    user: str
    runs: str
    grants: Mapping[str, tuple[str, ...]]
    readonly: int = 0
    bounds: Mapping[str, Bound] = field(default_factory=dict)

    def granted(self) -> Iterable[tuple[str, str]]:
        """Return privileges, with commas between, and what they are on."""
        return ((", ".join(privileges), what) for what, privileges in self.grants.items())


_WRITTEN: Final = (
    *("power_sums", "sample_batches", "chip_series", "chip_claims", "rejected_rows", "dead_letter_failures"),
    *("ingest_blocks", "block_cuts", "label_rulings"),
)
"""What a worker stores, by streams/store.py."""
_ASKED: Final = ("ingest_blocks", "block_cuts", "label_rulings", "budgets", "budget_loads")
"""What it asks: where it goes on, what was agreed, and what fleets there are. `budgets` is a view of `budget_loads`."""
_EDITOR: Final = ("system.columns", "system.tables", "system.databases")
"""What Grafana's query editor lists, and `gigawatt status` looks up."""

MIGRATION: Final = Role(
    "gigawatt",
    "`gigawatt migrate` and `gigawatt forget`: creates and changes tables, sets budgets",
    {
        f"{DATABASE}.*": (
            *("SELECT", "INSERT", "CREATE DATABASE", "CREATE TABLE", "CREATE VIEW", "DROP VIEW"),
            *("ALTER ADD COLUMN", "ALTER MODIFY COLUMN", "ALTER TTL", "ALTER UPDATE"),
        ),
        # ClickHouse 25.8 replaces a view by way of another one, which it asks for as a table.
        f"{DATABASE}._tmp_replace_*": ("DROP TABLE",),
    },
)
WRITING: Final = Role(
    "gigawatt_worker",
    "`gigawatt worker`: stores samples and sums",
    {
        **{f"{DATABASE}.{table}": ("SELECT", "INSERT") for table in _WRITTEN if table in _ASKED},
        **{f"{DATABASE}.{table}": ("INSERT",) for table in _WRITTEN if table not in _ASKED},
        **{f"{DATABASE}.{table}": ("SELECT",) for table in _ASKED if table not in _WRITTEN},
    },
)
READING: Final = Role(
    "grafana",
    "Grafana, the page, `gigawatt top`, `status`, `audit` and `dashboards check`: reads",
    {f"{DATABASE}.*": ("SELECT",), **dict.fromkeys((*STORE, *_EDITOR), ("SELECT",))},
    readonly=2,
    bounds={
        "max_execution_time": Bound(60, 1, 60),  # seconds
        "max_memory_usage": Bound(2_000_000_000, 1, 2_000_000_000),
        "max_result_bytes": Bound(1_000_000_000, 1, 1_000_000_000),
    },
)
ROLES: Final = (MIGRATION, WRITING, READING)


def table() -> list[str]:
    """Return the rows of the table in docs/security.md."""
    head = ["| user | used by | rights |", "|---|---|---|"]
    return head + [f"| `{role.user}` | {role.runs} | {_said(role)} |" for role in ROLES]


def _said(role: Role) -> str:
    by_right: dict[str, list[str]] = {}
    for privileges, what in role.granted():
        by_right.setdefault(privileges, []).append(f"`{what}`")
    said = [f"{privileges} on {', '.join(names)}" for privileges, names in by_right.items()]
    bounds = [f"`{name}` {one.least:,} to {one.most:,}" for name, one in role.bounds.items()]
    held = [f"`readonly` {role.readonly}"] if role.readonly else []
    return "; ".join([*said, *held, *bounds])

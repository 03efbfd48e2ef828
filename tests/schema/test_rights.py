"""Who may do what in ClickHouse, tried for each role on the engine itself: all that its commands ask, and nothing else.

What they ask is not written down here: the commands ask it, and what crosses the wire is asked again as the role.
"""

import re
from functools import cache

import pytest

from dashboards import names
from dashboards.live.alerts import AlertReader
from dashboards.live.reader import SummaryReader
from gigawatt import health
from schema import rights
from schema.clickhouse import connect
from schema.clickhouse_errors import refused
from schema.fleet import Budget, RackHost
from schema.forget import forget
from schema.migrate import set_budgets, upgrade
from schema.passwords import password_of
from schema.rights import MIGRATION, READING, ROLES, WRITING
from streams import audit
from streams.blocks import Span
from streams.rosters import Group
from streams.store import Store
from tests.deploy.compose import CHECKOUT
from tests.local.clickhouse.conftest import OLDEST, start
from tests.schema.roles import answers, recorded
from tests.streams.test_store import made

FLEET = Group("north", "train", "nvidia", "h100-sxm")
BUDGET = Budget(*FLEET[:3], 1000.0, 4, {})
RACKS = [RackHost("north", "rack", "host-*")]


def as_owner(client):
    """Do what `gigawatt migrate` and `gigawatt forget` do, and again what is safe to do again."""
    for _ in range(2):
        upgrade(client)
        set_budgets(client, [BUDGET], RACKS)
    set_budgets(client, [BUDGET._replace(budget_w=2000.0)], RACKS)
    client.insert("chip_series", [[1, *FLEET, "host", "chip"]], column_names=["series", *Group._fields, "host", "chip"])
    forget(client, *FLEET[:2])


def as_worker(connect_again):
    """Do what a worker asks of its store."""
    store, commit = Store(connect_again, topic="chip.samples", log="log", worker="worker"), made()
    store.stored_offsets()
    store.agree(commit.commit)
    store.rule("commit", {FLEET: True})
    store.store(commit)
    store.written(commit.refusals)
    assert store.agreed([(0, 0)])
    assert store.members("commit") == [Span(0, 0, 0), Span(1, 0, 0)]
    assert store.stored_offsets() == {0: 0, 1: 0}
    store.admitted(), store.declared(), store.lately()


def as_reader(client):
    """Look as `gigawatt status`, `top`, the page and `audit` look."""
    health.disk(client), health.applied(client), health.stored(client, "log"), health.seen(client)
    health.standing(client, "log", {0: 1}, lambda: None), health.rejected(client), health.lost_letters(client)
    health.doubtful(client), health.lost(client), health.logs(client)
    SummaryReader(lambda: client).read()
    assert AlertReader(lambda: client).read()
    audit.read_ledger(client, "log", "chip.samples"), audit.read_rulings(client), audit.read_sums(client)
    audit.made_anew(client, "log", "chip.samples"), audit.unfinished(client, "log")


def asked_by(role, ask, front):
    """Have commands ask a front as its owner, and return what crossed the wire."""
    clients, login = [], f"default:{password_of(front.path)}"
    database = None if role is MIGRATION else "gigawatt"
    with recorded(front.port) as (address, asked):

        def connected():
            clients.append(connect(f"http://{login}@{address}", database=database))
            return clients[-1]

        ask(connected if role is WRITING else connected())
        for client in clients:
            client.http.clear()
    return asked


@pytest.fixture(scope="module", params=["newest", "oldest"])
def world(request, tmp_path_factory):
    """Have the commands ask an engine as its owner; give what each role's asked, and the data that it left."""
    oldest = request.param == "oldest"
    if oldest and not OLDEST.exists():
        pytest.skip("no ClickHouse 25.8 here: `make test` fetches it")
    path = tmp_path_factory.mktemp(request.param)
    front, asked = start(path / "front", oldest=oldest), {}
    try:
        with front.client() as client:
            client.command("CREATE TABLE local.others (a UInt8) ENGINE = MergeTree ORDER BY a")
        for role, ask in ((MIGRATION, as_owner), (WRITING, as_worker), (READING, as_reader)):
            asked[role] = asked_by(role, ask, front)
    finally:
        front.stop()

    @cache
    def answered(role):
        statements = [*asked[role], *([sql] for sql in MUST_NOT[role])]
        whys = answers(front.path, path / role.user, role, statements, oldest=oldest)
        return dict(zip([one[-1] for one in statements], whys, strict=True))

    return asked, answered


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.user)
def test_it_may_do_all_that_its_commands_ask(world, role):
    asked, answered = world
    assert len(asked[role]) > 10

    assert {one[-1]: why for one in asked[role] if (why := answered(role)[one[-1]])} == {}


REACHING_OUT = (
    "SELECT * FROM url('http://127.0.0.1:1/', 'TSV', 'a String')",
    "SELECT * FROM file('/etc/passwd', 'TSV', 'a String')",
    "SELECT * FROM remote('127.0.0.1:1', 'system.one')",
    "SELECT * FROM local.others",
    "INSERT INTO local.others (a) FORMAT JSONEachRow {}",
    "CREATE USER somebody",
    "ALTER USER default IDENTIFIED BY 'x'",
    "GRANT SELECT ON *.* TO default",
    "SELECT name FROM system.users",
    "SYSTEM SHUTDOWN",
    "CREATE FUNCTION mine AS (a) -> a",
    "CREATE DATABASE mine",
)
DESTROYING = (
    "DROP DATABASE gigawatt",
    "DROP TABLE power_sums",
    "TRUNCATE TABLE power_sums",
    "ALTER TABLE power_sums DELETE WHERE 1",
    "ALTER TABLE power_sums DROP PARTITION tuple()",
    "DETACH TABLE power_sums",
    "RENAME TABLE power_sums TO mine",
    "ALTER TABLE power_sums DROP COLUMN energy_j",
    "ALTER TABLE power_sums CLEAR COLUMN energy_j",
)
OWNING = (
    "CREATE TABLE mine (a UInt8) ENGINE = MergeTree ORDER BY a",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE OR REPLACE VIEW fleet_power AS SELECT 1",
    "ALTER TABLE power_sums ADD COLUMN mine UInt8",
    "ALTER TABLE chip_series UPDATE last_seen = now() WHERE 1",
    "ALTER TABLE power_sums MODIFY TTL time + INTERVAL 1 DAY",
    "INSERT INTO budget_loads (site) FORMAT JSONEachRow {}",
    "INSERT INTO rack_loads (site) FORMAT JSONEachRow {}",
    "INSERT INTO schema_migrations (version) FORMAT JSONEachRow {}",
    "OPTIMIZE TABLE power_sums",
)
STORING = tuple(
    f"INSERT INTO {table.partition('.')[2]} ({column}) FORMAT JSONEachRow {{}}"
    for table, column in (
        ("gigawatt.power_sums", "site"), ("gigawatt.sample_batches", "site"), ("gigawatt.chip_series", "site"),
        ("gigawatt.chip_claims", "site"), ("gigawatt.rejected_rows", "reason"), ("gigawatt.ingest_blocks", "topic"),
        ("gigawatt.dead_letter_failures", "reason"), ("gigawatt.block_cuts", "topic"),
        ("gigawatt.label_rulings", "site"),
    )
)  # fmt: skip
UNBOUNDED = (
    "SELECT 1 SETTINGS max_memory_usage = 4000000000",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT 1 SETTINGS max_result_bytes = 0",
    "SET readonly = 0",
)
READ_BY_OTHERS = ("SELECT site FROM power_sums", "SELECT site FROM fleet_power", "SELECT chip FROM chip_series")
MUST_NOT = {
    MIGRATION: (*REACHING_OUT, *DESTROYING),
    WRITING: (*REACHING_OUT, *DESTROYING, *OWNING, *READ_BY_OTHERS),
    READING: (*REACHING_OUT, *DESTROYING, *OWNING, *STORING, *UNBOUNDED),
}
DENIED = re.compile(r"ACCESS_DENIED|READONLY|SETTING_CONSTRAINT_VIOLATION")


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.user)
def test_it_may_do_nothing_else(world, role):
    """Neither beyond ClickHouse, nor in what is others'."""
    whys = world[1](role)

    assert {sql: whys[sql] for sql in MUST_NOT[role] if not DENIED.search(whys[sql])} == {}


def test_what_is_denied_is_told_in_one_line(world):
    """Which right, on what, of which user; the embedded engine calls everybody `default`."""
    whys = world[1](WRITING)

    assert refused(ValueError(whys["INSERT INTO budget_loads (site) FORMAT JSONEachRow {}"])).startswith(
        "ClickHouse's user default has no right to INSERT on gigawatt.budget_loads; "
    )
    assert refused(ValueError(whys[OWNING[0]])).startswith(
        "ClickHouse's user default has no right to CREATE TABLE on gigawatt.mine; "
    )


def test_the_users_file_of_compose_gives_the_reader_the_same():
    text = (CHECKOUT / "docs/deploy/clickhouse-grafana.xml").read_text("utf-8")
    granted = re.findall(r"<query>GRANT (.+?) ON (\S+?)</query>", text)
    bounds = {name: (value, (low, high)) for name, value, low, high in (
        (name, re.search(rf"<{name}>(\d+)</{name}>", text)[1], low, high)
        for name, low, high in re.findall(r"<(\w+)><min>(\d+)</min><max>(\d+)</max>", text)
    )}  # fmt: skip

    assert sorted(granted) == sorted(READING.granted())
    assert f"<readonly>{READING.readonly}</readonly>" in text
    assert bounds == {name: (str(one.value), (str(one.least), str(one.most))) for name, one in READING.bounds.items()}
    assert f"<{READING.user}>" in text
    assert READING.user == names.DATA_SOURCE_USER


def test_the_page_on_security_has_the_table_of_rights():
    """A row of each user: what runs as it, and what it may."""
    text = (CHECKOUT / "docs/security.md").read_text("utf-8")

    for row in rights.table():
        assert row in text.splitlines()

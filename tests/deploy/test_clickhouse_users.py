"""The users' file of a ClickHouse server, in the engine of 25.8: its user reads what dashboards ask, and no more."""

import json
import re
import subprocess
import sys
import time

import pytest

from dashboards.check.asked import checked_in
from dashboards.check.views import widest
from dashboards.macros import expand
from local.clickhouse.place import DATA
from schema.migrate import load, upgrade
from schema.view_files import load_views
from tests.deploy.compose import CHECKOUT
from tests.engine import OLDEST, environment
from tests.local.clickhouse.conftest import start

FILE = CHECKOUT / "docs/deploy/clickhouse-grafana.xml"
SERVERS = "<clickhouse><profiles><default/></profiles><quotas><default/></quotas></clickhouse>"
"""What a server's own users.xml has that the file builds on."""
REFUSED = (
    "INSERT INTO gigawatt.rejected_rows (reason) VALUES ('x')",
    "TRUNCATE TABLE gigawatt.power_sums",
    "SELECT name FROM system.users",
    "SELECT * FROM default.others",
    "EXPLAIN SELECT * FROM default.others",
    "SELECT * FROM url('http://127.0.0.1:1/', 'TSV', 'a String')",
    "SELECT * FROM file('/etc/passwd', 'TSV', 'a String')",
    "SELECT 1 SETTINGS max_memory_usage = 4000000000",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SET readonly = 0",
)


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Ask as the user `grafana`. The embedded engine knows `default` alone, so here that name has the file's rights."""
    if not OLDEST.exists():
        pytest.skip("no ClickHouse 25.8 here: `make test` fetches it")
    path = tmp_path_factory.mktemp("users")
    front = start(path / "front", oldest=True)
    with front.client() as client:
        client.command("CREATE TABLE default.others (a UInt8) ENGINE = MergeTree ORDER BY a")
        upgrade(client)
    front.stop()
    text = FILE.read_text("utf-8").replace("<grafana>", "<default>").replace("</grafana>", "</default>")
    (path / "users.d").mkdir()
    (path / "users.d" / "grafana.xml").write_text(text)
    (path / "users.xml").write_text(SERVERS)
    (path / "config.xml").write_text(f"<clickhouse><users_config>{path}/users.xml</users_config></clickhouse>")

    def answers(*statements):
        done = subprocess.run(
            [sys.executable, "-m", "tests.deploy.as_user", path / "front" / DATA, path / "config.xml"],
            input=json.dumps(statements), env=environment(oldest=True) | {"GIGAWATT_GRAFANA_PASSWORD": "", "TZ": "UTC"},
            capture_output=True, text=True, check=False, timeout=120, cwd=CHECKOUT,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        return [found[sql] for sql in statements]

    return answers


def test_it_may_ask_what_every_dashboard_and_rule_asks(ask):
    now_ms = int(time.time() * 1000)
    asked = dict.fromkeys(expand(one.sql, widest(one, {}, now_ms)) for one in checked_in())

    failed = [answer for answer in ask("USE gigawatt", *(f"EXPLAIN {sql}" for sql in asked)) if "failed: " in answer]
    assert failed == []


def test_it_is_granted_each_table_of_the_system_that_is_asked():
    """A server asks for these grants, the embedded engine does not."""
    text = "\n".join([one.sql for one in checked_in()] + [one.sql for one in (*load(), *load_views())])
    plugin = {"databases", "tables", "columns"}  # what its editor lists

    granted = set(re.findall(r"GRANT SELECT ON system\.(\w+)", FILE.read_text("utf-8")))
    assert set(re.findall(r"\bsystem\.(\w+)", text)) | plugin == granted


def test_it_may_do_nothing_else(ask):
    expected = re.compile(r"failed: Code: .*(ACCESS_DENIED|READONLY|SETTING_CONSTRAINT_VIOLATION)", re.DOTALL)

    assert [sql for sql, answer in zip(REFUSED, ask(*REFUSED), strict=True) if not expected.match(answer)] == []

"""`gigawatt up --listen`: other machines read the page and ClickHouse over https, and nobody without a password."""

import json
import socket
from collections.abc import Iterator

import psutil
import pytest
import trustme
import urllib3

from schema.clickhouse import ClickHouseAwayError, connect
from schema.passwords import password_file
from schema.rights import READING, WRITING
from tests.gigawatt.running import gigawatt
from tests.local.test_up import LIVE, Up
from tests.schema.certificates import ca_file, files

ELSEWHERE = "127.0.0.2"
"""An address of this machine that is not the one of loopback."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def up(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("listen")
    ca_file(authority, folder)
    own = files(authority.issue_cert(ELSEWHERE, "store.example"), folder, "own")
    running = Up(folder / "state")
    running.start("--listen", ELSEWHERE, "--tls-certificate", str(own.certificate), "--tls-key", str(own.key))
    running.until_said(LIVE)
    yield running
    running.end()


def told(up: Up) -> dict[str, str]:
    return json.loads(up.ready_file.read_text())


def password(up: Up, user: str = "") -> str:
    return password_file(up.state / "clickhouse", user).read_text().strip()


def named(up: Up, user: str) -> dict[str, str]:
    return {
        "GIGAWATT_CLICKHOUSE": told(up)["outside_clickhouse"].replace("//", f"//{user}@"),
        "GIGAWATT_CLICKHOUSE_CA": str(up.state.parent / "ca.pem"),
        "GIGAWATT_CLICKHOUSE_PASSWORD_FILE": str(password_file(up.state / "clickhouse", user)),
    }


def test_it_says_where_and_who(up: Up):
    said = up.said.read_text()

    assert told(up)["outside_clickhouse"] == f"https://{ELSEWHERE}:{up.ports[1]}"
    assert told(up)["outside_page"] == f"https://{ELSEWHERE}:{up.ports[2]}"
    assert f"user {READING.user}, password in {password_file(up.state / 'clickhouse', READING.user)}" in said
    assert not [word for word in (password(up), password(up, READING.user), password(up, WRITING.user)) if word in said]


def test_others_read_the_page_and_the_store(up: Up):
    login = urllib3.make_headers(basic_auth=f"{READING.user}:{password(up, READING.user)}")
    with urllib3.PoolManager(ca_certs=str(up.state.parent / "ca.pem")) as pool:
        summary = pool.request("GET", f"{told(up)['outside_page']}/summary.json", headers=login).json()
        nobody = pool.request("GET", f"{told(up)['outside_page']}/summary.json")
    done = gigawatt("top", "--json", env=named(up, READING.user))

    assert summary["total"]["power_w"] > 0
    assert nobody.status == 401
    assert json.loads(done.stdout)["total"]["power_w"] > 0, done.stderr


def test_nobody_reads_without_a_password_on_loopback_either(up: Up):
    assert up.get("/summary.json").status == 401
    for url in (told(up)["clickhouse"], told(up)["outside_clickhouse"]):
        with pytest.raises(ClickHouseAwayError, match="rejects the login of its user grafana"):
            connect(url.replace("//", "//grafana:@"), environment=named(up, READING.user))


def test_the_stack_itself_goes_on_as_before(up: Up):
    """Its own parts, and this user's own commands, find their password by the port."""
    done = up.until(
        lambda: (
            (one := gigawatt("status", "--kafka", told(up)["kafka"], "--clickhouse", told(up)["clickhouse"])).returncode
            == 0
            and one
        )
    )

    assert "DOWN" not in done.stdout


def test_kafka_stays_on_loopback(up: Up):
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((ELSEWHERE, up.ports[0]), timeout=60)


def test_no_secret_stands_in_the_process_list(up: Up):
    words = [password(up), password(up, READING.user), password(up, WRITING.user)]
    processes = [psutil.Process(up.process.pid), *psutil.Process(up.process.pid).children(recursive=True)]

    assert len(set(words)) == 3
    assert not [one for one in processes for word in words if word in " ".join(one.cmdline())]


def test_no_secret_stands_in_a_log(up: Up):
    words = [password(up), password(up, READING.user), password(up, WRITING.user)]
    logs = list((up.state / "logs").iterdir())

    assert logs
    assert not [log for log in logs for word in words if word in log.read_text(errors="replace")]

"""Over https, with three users: each has a password and its rights, and the certificate may be renewed."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
import urllib3
from clickhouse_connect.driver.exceptions import ClickHouseError

from dashboards.page.queries import Prepared
from dashboards.page.store import Store as PageStore
from schema.clickhouse import ClickHouseAwayError, connect
from schema.clickhouse_errors import in_words
from schema.migrate import upgrade
from schema.passwords import password_file
from schema.rights import READING, WRITING
from streams.rosters import Group
from streams.store import Store
from tests.local.clickhouse.conftest import OLDEST, Front, start
from tests.schema.certificates import HERE, Files, ca_file, expired, files
from tests.streams.test_store import made

OWNER = ""
CA, PASSWORD_FILE = "GIGAWATT_CLICKHOUSE_CA", "GIGAWATT_CLICKHOUSE_PASSWORD_FILE"
NAMES = (HERE, "localhost", "store.example")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def own(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files(authority.issue_cert(*NAMES), tmp_path_factory.mktemp("own"), "store")


@pytest.fixture(scope="module", params=["newest", "oldest"])
def front(request, own: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Run a front that speaks https, on each engine."""
    oldest = request.param == "oldest"
    if oldest and not OLDEST.exists():
        pytest.skip("no ClickHouse 25.8 here: `make test` fetches it")
    path = tmp_path_factory.mktemp(request.param) / "data"
    running = start(path, "--tls-certificate", str(own.certificate), "--tls-key", str(own.key), oldest=oldest)
    yield running
    running.stop()


@pytest.fixture
def named(authority: trustme.CA, tmp_path: Path) -> dict[str, str]:
    """Name whom to believe."""
    return {CA: str(ca_file(authority, tmp_path))}


@pytest.fixture
def client(front: Front, named):
    """Give clients of users by what stands in files, on a current database."""

    def of(user, **options):
        file = {PASSWORD_FILE: str(password_file(front.path, user))}
        return connect(f"https://{user and f'{user}@'}{HERE}:{front.port}", environment=named | file, **options)

    with of(OWNER, database=None) as owner:
        upgrade(owner)
    return of


def away(url, environment):
    """Ask in vain; return the line that the operator is told."""
    with pytest.raises(ClickHouseAwayError) as raised:
        connect(url, environment=environment)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def kept_from(client, sql):
    """Ask for what this user may not; return the line that the operator is told."""
    with pytest.raises(ClickHouseError) as raised:
        client.command(sql)
    return in_words(raised.value)


def test_a_worker_stores_and_reads_as_the_user_who_writes(client):
    store, commit = Store(lambda: client(WRITING.user), topic="chip.samples", log="log", worker="worker"), made()
    store.agree(commit.commit)
    store.store(commit)
    store.written(commit.refusals)
    store.rule("commit", {Group("north", "train", "nvidia", "h100-sxm"): True})

    assert store.stored_offsets() == {0: 0, 1: 0}
    assert store.lately() == 1
    assert store.declared() == set()
    with client(READING.user) as reader:
        assert reader.command("SELECT sum(samples) FROM ingest_blocks") == sum(one.samples for one in commit.totals)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("INSERT INTO budget_loads FORMAT JSONEachRow {}", "no right to INSERT on gigawatt.budget_loads"),
        ("INSERT INTO local.other (a) FORMAT JSONEachRow {}", "no right to INSERT on local.other"),
        ("INSERT INTO FUNCTION file('a') FORMAT JSONEachRow {}", "no right to INSERT on functions"),
        ("INSERT INTO TABLE FUNCTION url('a') FORMAT JSONEachRow {}", "no right to INSERT on functions"),
        ("INSERT INTO power_sums VALUES (file('/etc/passwd'))", ""),
        ("INSERT INTO power_sums SELECT * FROM power_sums", "may only read"),
        ("TRUNCATE TABLE power_sums", "may only read"),
        ("ALTER TABLE power_sums DELETE WHERE 1", "may only read"),
        ("DROP TABLE power_sums", "may only read"),
        ("CREATE TABLE mine (a Int8) ENGINE = Memory", "may only read"),
        ("CREATE USER mine", "may only read"),
    ],
)
def test_who_writes_may_do_nothing_else(client, sql, said):
    """One line each that says who, what and on what."""
    with client(WRITING.user) as writer:
        line = kept_from(writer, sql)

    assert said in line
    assert not said or line.startswith(f"ClickHouse's user {WRITING.user} ")


@pytest.mark.parametrize("sql", ["INSERT INTO rejected_rows FORMAT JSONEachRow {}", "TRUNCATE TABLE power_sums"])
def test_who_reads_does_not_write(client, sql):
    with client(READING.user) as reader:
        assert kept_from(reader, sql).startswith(f"ClickHouse's user {READING.user} may only read")


@pytest.mark.parametrize("user", ["default", "page", READING.user, WRITING.user])
@pytest.mark.parametrize("password", ["", "wrong"])
def test_nobody_is_let_in_without_a_password(front, named, user, password):
    said = away(f"https://{user}:{password}@{HERE}:{front.port}", named)

    assert f"ClickHouse rejects the login of its user {user}: wrong password" in said


def test_http_is_not_spoken_there(front):
    assert "if it serves https there" in away(f"http://{HERE}:{front.port}", {})


def test_a_password_that_was_changed_is_taken_by_who_asks_already(front, named, tmp_path):
    """Whoever changes it writes the file again; nobody needs to be started anew."""
    right = password_file(front.path, WRITING.user).read_text()
    file = tmp_path / "password"
    file.write_text(right)
    with connect(f"https://{WRITING.user}@{HERE}:{front.port}", environment=named | {PASSWORD_FILE: str(file)}) as one:
        file.write_text("another")
        assert "wrong password" in kept_from(one, "SELECT 1")
        file.write_text(right)
        assert one.command("SELECT 1") == 1


def test_a_certificate_that_was_renewed_is_shown_to_the_next(front, client, own, authority):
    """Who asks already goes on; who comes later sees the new one, although the process opens no other files."""
    with client(READING.user) as one:
        own.renew(authority.issue_cert(*NAMES))
        assert one.command("SELECT 1") == 1
        seen = ssl.get_server_certificate((HERE, front.port))
        own.renew(authority.issue_cert(*NAMES))
        assert ssl.get_server_certificate((HERE, front.port)) != seen
        own.renew(expired(authority, HERE))
        assert one.command("SELECT 1") == 1
        client(READING.user).close()
    own.renew(authority.issue_cert(*NAMES))


def test_a_renewed_certificate_may_lie_elsewhere(fronts, authority, tmp_path):
    """As who renews them keeps them: the name is a link, which then leads to another file beside the first one."""
    for folder in ("live", "archive"):
        (tmp_path / folder).mkdir()
    first, second = (files(authority.issue_cert(HERE), tmp_path / "archive", f"store{number}") for number in (1, 2))
    certificate, key = tmp_path / "live" / "store.pem", tmp_path / "live" / "store.key"
    certificate.symlink_to(first.certificate)
    key.symlink_to(first.key)
    running = fronts(tmp_path / "data", "--tls-certificate", str(certificate), "--tls-key", str(key))
    seen = ssl.get_server_certificate((HERE, running.port))
    for link, target in ((key, second.key), (certificate, second.certificate)):
        link.unlink()
        link.symlink_to(target)

    assert ssl.get_server_certificate((HERE, running.port)) != seen
    running.stop()


def test_an_authority_that_was_renewed_is_believed_by_who_asks_already(client, own, authority, named):
    """A worker that runs believes the new one with its next connection."""
    other = trustme.CA()
    with client(READING.user) as one:
        own.renew(other.issue_cert(*NAMES))
        one.http.clear()
        with pytest.raises(ClickHouseError) as raised:
            one.command("SELECT 1")
        other.cert_pem.write_to_path(named[CA])
        assert one.command("SELECT 1") == 1
    own.renew(authority.issue_cert(*NAMES))

    assert in_words(raised.value).startswith("ClickHouse has an untrusted certificate")


@pytest.mark.usefixtures("client")
def test_the_page_asks_as_who_reads(front, named):
    """With the password and the authority of the moment; where it does not believe, it says so in one line."""
    url = f"https://{READING.user}@{HERE}:{front.port}"
    file = {PASSWORD_FILE: str(password_file(front.path, READING.user))}

    async def asked(environment):
        store = PageStore(url, environment=environment)
        try:
            return await store.run(Prepared("A", 1, "SELECT toUInt8(getSetting('readonly')) AS held"))
        finally:
            await store.close()

    assert json.loads(asyncio.run(asked(named | file)).body)["data"] == {"held": [2]}
    assert "Authentication failed" in asyncio.run(asked(named)).error
    with pytest.raises(ClickHouseAwayError, match="has an untrusted certificate"):
        asyncio.run(asked(file))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "store.example"}, 200),
        ({"Host": "STORE.example:8443"}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "store.example.evil.example"}, 403),
        ({"Host": "store.example", "Origin": "https://store.example"}, 403),
        ({"Host": "store.example", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_it_is_asked_by_the_names_of_its_certificate_alone(front, named, headers, status):
    """And by no page."""
    password = password_file(front.path, READING.user).read_text().strip()
    login = urllib3.make_headers(basic_auth=f"{READING.user}:{password}")
    with urllib3.PoolManager(ca_certs=named[CA]) as pool:
        answer = pool.request("POST", f"https://{HERE}:{front.port}/", body="SELECT 1", headers=login | headers)

    assert answer.status == status


def test_no_password_stands_in_the_process_list(front):
    words = [password_file(front.path, user).read_text().strip() for user in (OWNER, READING.user, WRITING.user)]
    shown = Path(f"/proc/{front.process.pid}/cmdline").read_text("utf-8")

    assert len(set(words)) == 3
    assert not [word for word in words if word in shown]


def test_metrics_are_for_those_who_have_a_password(front, authority, tmp_path):
    """Of a front for this machine alone they need none (tests/test_metrics.py)."""
    at, pool = f"https://{HERE}:{front.port}", urllib3.PoolManager(ca_certs=str(ca_file(authority, tmp_path)))

    def status(path: str, user: str, password: str) -> int:
        headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}
        return pool.request("GET", at + path, headers=headers, retries=False).status

    password = password_file(front.path, READING.user).read_text().strip()
    for path in ("/metrics", "/healthz", "/readyz"):
        assert (status(path, READING.user, "wrong"), status(path, READING.user, password)) == (403, 200)

"""A ClickHouse that wants to see a certificate of who comes: the real engine behind a door of TLS."""

import pytest
import trustme

from schema.clickhouse import connect
from schema.errors import GigawattError
from tests.schema.certificates import HERE, ca_file, expired, files
from tests.schema.tls_relay import door


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def own(authority, tmp_path):
    return files(authority.issue_cert("worker@example"), tmp_path, "worker")


@pytest.fixture
def closed(either, authority):
    with door(either.port, authority.issue_cert(HERE), authority) as made:
        yield made


@pytest.fixture
def client(closed, either, own, authority, tmp_path):
    """Connect as the owner, who shows a certificate."""
    password = tmp_path / "password"
    password.write_text(either.owner["password"])
    named = {
        "GIGAWATT_CLICKHOUSE_CA": str(ca_file(authority, tmp_path)),
        "GIGAWATT_CLICKHOUSE_CERTIFICATE": str(own.certificate),
        "GIGAWATT_CLICKHOUSE_KEY": str(own.key),
        "GIGAWATT_CLICKHOUSE_PASSWORD_FILE": str(password),
    }
    return lambda **other: connect(f"https://{HERE}:{closed.port}", database=None, environment=named | other)


def test_who_shows_one_is_let_in_and_logs_in(client, closed):
    with client() as one:
        assert one.command("SELECT 1") == 1
    assert closed.shown


def test_one_that_was_renewed_is_shown_with_the_next_connection(client, closed, own, authority):
    """A client that runs goes on with it, and passes over what is half written."""
    with client() as one:
        own.certificate.write_text(own.certificate.read_text()[:100])
        one.http.clear()
        assert one.command("SELECT 1") == 1
        own.renew(authority.issue_cert("worker@example"))
        one.http.clear()
        assert one.command("SELECT 1") == 1

    first, *_, last = closed.shown
    assert first != last
    assert len(set(closed.shown)) == 2


def test_who_shows_none_is_told(client):
    with pytest.raises(
        GigawattError, match="requires a client certificate; set the certificate and its key with GIGAWATT_"
    ):
        client(GIGAWATT_CLICKHOUSE_CERTIFICATE="", GIGAWATT_CLICKHOUSE_KEY="")


def test_one_that_has_expired_is_told(client, own, authority):
    own.renew(expired(authority, "worker@example"))
    with pytest.raises(GigawattError, match="rejects the certificate of GIGAWATT_CLICKHOUSE_CERTIFICATE: it has"):
        client()


def test_one_of_somebody_else_is_told(client, own):
    own.renew(trustme.CA().issue_cert("worker@example"))
    with pytest.raises(GigawattError, match="its CA is unknown there"):
        client()

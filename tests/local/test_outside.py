"""What `gigawatt up --listen` needs, and what it refuses in one line."""

from pathlib import Path

import pytest
import trustme

from local.outside import Outside, outside_of
from local.stack import Plan
from local.up import require_ports
from schema.errors import GigawattError
from tests.gigawatt.running import gigawatt
from tests.schema.certificates import expired, files

CERTIFICATE, KEY = Path("/tmp/c.pem"), Path("/tmp/k.pem")  # noqa: S108  names that nobody opens


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "[::1]"])
def test_loopback_is_not_outside(address):
    assert outside_of(address, None, None) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost"])
def test_a_certificate_alone_opens_nothing(address):
    with pytest.raises(GigawattError, match="need --listen ADDRESS"):
        outside_of(address, CERTIFICATE, None)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "[::]", "*", ""])  # noqa: S104  which are refused
def test_no_one_address_is_named(address):
    with pytest.raises(GigawattError, match="use one address of this machine"):
        outside_of(address, CERTIFICATE, KEY)


def test_without_a_certificate_nobody_else_is_listened_to():
    with pytest.raises(GigawattError, match="give --tls-certificate FILE and --tls-key FILE"):
        outside_of("10.0.0.5", None, None)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("10.0.0.5", "https://10.0.0.5:8123"),
        ("store.example", "https://store.example:8123"),
        ("[2001:db8::1]", "https://[2001:db8::1]:8123"),
        ("2001:db8::1", "https://[2001:db8::1]:8123"),
    ],
)
def test_others_are_told_where(address, url):
    outside = outside_of(address, CERTIFICATE, KEY)

    assert outside is not None
    assert outside.url(8123) == url


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "nobody.invalid"])
def test_an_address_of_another_machine_is_told(tmp_path, address):
    outside = Outside(address, CERTIFICATE)
    with pytest.raises(GigawattError, match=r"is not an address of this machine; choose another with --listen"):
        require_ports(Plan(tmp_path, kafka_port=0, clickhouse_port=61_123, page_port=61_124, outside=outside))


def test_what_is_wrong_with_the_certificate_is_told_before_anything_starts(tmp_path):
    own = files(expired(trustme.CA(), "127.0.0.2"), tmp_path, "own")
    done = gigawatt(
        *("up", "--state", str(tmp_path / "state"), "--listen", "127.0.0.2"),
        *("--tls-certificate", str(own.certificate), "--tls-key", str(own.key)),
    )

    assert done.returncode == 1
    assert done.stderr.strip().endswith("own.pem has expired; renew it")
    assert not (tmp_path / "state" / "logs").exists()

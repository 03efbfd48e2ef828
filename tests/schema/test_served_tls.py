"""A certificate that a server of ours shows: read again when renewed, and judged before anybody sees it."""

import asyncio
import ssl

import pytest
import trustme

from schema.errors import GigawattError
from schema.served_tls import Served
from tests.schema.certificates import HERE, ca_file, expired, files


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def shown(served, ca, name):
    """Connect to a server that shows it, as a client that asks for a name or an address; return the serial number."""

    async def ask():
        server = await asyncio.start_server(lambda _, writer: writer.close(), HERE, 0, ssl=served.context)
        port = server.sockets[0].getsockname()[1]
        async with server:
            context = ssl.create_default_context(cafile=ca)
            _, writer = await asyncio.open_connection(HERE, port, ssl=context, server_hostname=name)
            try:
                return writer.get_extra_info("peercert")["serialNumber"]
            finally:
                writer.close()

    return asyncio.run(ask())


@pytest.mark.parametrize("name", [HERE, "store.example"])
def test_a_renewed_certificate_is_shown_to_the_next_who_comes(authority, tmp_path, name):
    """To who asks for a name, and to who asks for an address, which no client tells."""
    ca, own = ca_file(authority, tmp_path), files(authority.issue_cert(HERE, "store.example"), tmp_path, "store")
    served = Served(own.certificate, own.key)
    before = shown(served, ca, name)
    own.renew(authority.issue_cert(HERE, "store.example"))

    assert shown(served, ca, name) != before
    assert shown(served, ca, name) == shown(served, ca, name)


@pytest.mark.parametrize("spoil", ["half written", "expired", "the key of another"])
def test_what_is_no_good_is_passed_over(authority, tmp_path, spoil):
    """The certificate of before is shown until another is there as a whole."""
    ca, own = ca_file(authority, tmp_path), files(authority.issue_cert(HERE), tmp_path, "store")
    served = Served(own.certificate, own.key)
    before = shown(served, ca, HERE)
    if spoil == "half written":
        own.certificate.write_text(own.certificate.read_text()[:100])
    elif spoil == "expired":
        own.renew(expired(authority, HERE))
    else:
        authority.issue_cert(HERE).private_key_pem.write_to_path(own.key)
    assert shown(served, ca, HERE) == before

    own.renew(authority.issue_cert(HERE))
    assert shown(served, ca, HERE) != before


def test_it_has_the_names_of_its_certificate(authority, tmp_path):
    own = files(authority.issue_cert(HERE, "Store.example", "*.racks.example"), tmp_path, "store")
    served = Served(own.certificate, own.key)
    assert served.names == {HERE, "store.example", "*.racks.example"}

    own.renew(authority.issue_cert("other.example"))
    shown(served, ca_file(authority, tmp_path), "other.example")
    assert served.names == {"other.example"}


def test_an_expired_certificate_is_told_at_once(authority, tmp_path):
    own = files(expired(authority, HERE), tmp_path, "store")
    with pytest.raises(GigawattError, match=r"the certificate in .*store\.pem has expired; renew it"):
        Served(own.certificate, own.key)


def test_a_key_of_another_certificate_is_told_at_once(authority, tmp_path):
    own = files(authority.issue_cert(HERE), tmp_path, "store")
    other = files(authority.issue_cert(HERE), tmp_path, "other")
    with pytest.raises(GigawattError, match=r"cannot read a certificate with its key .*store\.pem and .*other\.key"):
        Served(own.certificate, other.key)


def test_no_file_is_told_at_once(tmp_path):
    with pytest.raises(GigawattError, match=r"nothing\.pem"):
        Served(tmp_path / "nothing.pem", None)

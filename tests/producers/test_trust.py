"""Whose certificates are believed, on real TLS connections."""

import ssl

import pytest
import trustme
from urllib3.exceptions import SSLError

from producers.redfish.client import Redfish
from producers.source import SourceError
from producers.trust import Trust, refusal
from schema.errors import GigawattError
from tests.producers.redfish_service import ROOT, Service, chassis, serving

CHASSIS = f"{ROOT}/Chassis"
HERE, ELSEWHERE = "127.0.0.1", "other.example"


class SelfSigned:
    """A controller's own certificate: its own authority, and for no name or address at all."""

    def __init__(self, directory, name="own"):
        authority = trustme.CA()
        self.file, self._key = directory / f"{name}.pem", directory / f"{name}.key"
        authority.cert_pem.write_to_path(self.file)
        authority.private_key_pem.write_to_path(self._key)

    def configure_cert(self, context):
        context.load_cert_chain(self.file, self._key)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def ca_file(authority, tmp_path):
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def asked(certificate, trust):
    """Ask a service with that certificate at 127.0.0.1; return what it was asked for."""
    with serving(Service(chassis("1")), certificate) as service:
        client = Redfish(service.url, trust=trust, timeout_s=60)
        try:
            client.get(CHASSIS)
        finally:
            client.close()
        return service.requests


def refused(certificate, trust):
    """Ask it in vain; return what the operator is told."""
    with pytest.raises(SourceError) as raised:
        asked(certificate, trust)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_certificate_of_the_authority_for_this_address_is_believed(authority, ca_file):
    assert asked(authority.issue_cert(HERE), Trust(ca_file))


def test_a_certificate_that_nobody_vouches_for_is_refused(authority):
    """One line that says what to do."""
    said = refused(authority.issue_cert(HERE), Trust())

    assert "untrusted certificate" in said
    assert "--ca with the CA" in said


def test_a_certificate_of_another_name_is_refused(authority, ca_file):
    """The right authority, and the wrong machine."""
    said = refused(authority.issue_cert(ELSEWHERE), Trust(ca_file))

    assert "certificate for another name (hostname '127.0.0.1' doesn't match 'other.example')" in said
    assert "--ca with this certificate" in said


@pytest.mark.parametrize("name", [HERE, ELSEWHERE])
def test_the_very_certificate_is_believed_whatever_its_name(authority, tmp_path, name):
    """Saved to a file, that is enough."""
    certificate, leaf = authority.issue_cert(name), tmp_path / "leaf.pem"
    certificate.cert_chain_pems[0].write_to_path(leaf)

    assert asked(certificate, Trust(leaf))


def test_a_controller_that_signs_for_itself_is_believed(tmp_path):
    """As they come from the factory."""
    own = SelfSigned(tmp_path)

    assert asked(own, Trust(own.file))


def test_a_controller_that_signs_for_itself_is_no_other(tmp_path):
    """What another one made for itself looks the same, and is not the certificate in the file."""
    own, other = SelfSigned(tmp_path), SelfSigned(tmp_path, "other")

    assert "untrusted" in refused(other, Trust(own.file))


def test_a_pinned_certificate_vouches_for_no_other_name(authority, ca_file, tmp_path):
    """The file has an authority and a controller of its own: names of what the authority signed are looked at."""
    own = SelfSigned(tmp_path)
    both = tmp_path / "both.pem"
    both.write_text(f"a comment\n{ca_file.read_text()}\n{own.file.read_text()}")

    assert asked(own, Trust(both))
    assert asked(authority.issue_cert(HERE), Trust(both))
    assert "for another name" in refused(authority.issue_cert(ELSEWHERE), Trust(both))


def test_anyone_is_believed_when_told_so(authority):
    assert asked(authority.issue_cert(ELSEWHERE), Trust(insecure=True))


@pytest.mark.parametrize(
    "text", [None, "no certificate", "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_certificates_is_a_mistake(tmp_path, text):
    path = tmp_path / "ca.pem"
    if text:
        path.write_text(text)
    with pytest.raises(GigawattError, match=r"cannot read certificates from .*ca\.pem"):
        Redfish("https://127.0.0.1", trust=Trust(path))


@pytest.mark.parametrize(
    ("code", "said"), [(62, "for another name (no such)"), (18, "has an untrusted certificate (no such)")]
)
def test_the_systems_own_refusals_are_told_apart(code, said):
    """A name is mended otherwise than a chain."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "no such"

    assert said in refusal(SSLError(error))


def test_what_is_no_matter_of_trust_is_said_as_it_is():
    assert refusal(SSLError(ssl.SSLError(1, "wrong version number"))).startswith("TLS failed: ")

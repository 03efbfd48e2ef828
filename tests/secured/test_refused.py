"""Whoever is not let in is told why, in one line, by every client; what is renewed in place is used."""

import socket
import threading
import time
from pathlib import Path
from shlex import quote

import pytest
import trustme
from kafka import KafkaProducer
from kafka.admin import (
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePatternFilter,
    ResourceType,
)
from structlog.testing import capture_logs

from producers.connection import connect
from producers.publisher import KafkaPublisher
from producers.source import Batch
from schema.acls import roles
from schema.errors import GigawattError
from schema.kafka import KafkaAdmin
from schema.kafka_access import OPEN, KafkaAccess
from schema.kafka_acls import AclAdmin
from schema.kafka_refused import MissingRightError
from schema.readback import read_log
from schema.topics import SAMPLES
from tests.batches import batch
from tests.secured.broker import ODD, expired, password_of, token_of

NAME = "audit.example"


def topics(access: KafkaAccess, at: str) -> list[str]:
    with KafkaAdmin(at, timeout_s=60, access=access) as admin:
        return admin._client.list_topics()


def why(access: KafkaAccess, at: str) -> str:
    """Return what the administration is told; the producer and the reader are told the same."""
    with pytest.raises(GigawattError) as administration:
        KafkaAdmin(at, timeout_s=60, access=access)
    said = str(administration.value)
    assert "\n" not in said
    reason = said.partition(": ")[2]
    assert any(reason in producer_says(access, at) for _ in range(20)), reason
    return said


def producer_says(access: KafkaAccess, at: str) -> str:
    """Return what a producer is told at one try, which is a short one."""
    with capture_logs(), pytest.raises(GigawattError) as raised:
        connect(at, SAMPLES, stop=threading.Event(), give_up_s=0, access=access)
    return str(raised.value)


def bearer(file: Path) -> dict[str, str]:
    return {
        "sasl_mechanism": "OAUTHBEARER",
        "sasl_username": "",
        "sasl_password": "",
        "sasl_oauthbearer_token_file": str(file),
    }


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_right_password_lets_in(secured, mechanism):
    access = secured.access("audit", sasl_mechanism=mechanism)

    assert SAMPLES in topics(access, secured.at())


def test_a_name_that_scram_writes_differently_lets_in(secured):
    assert topics(secured.access(ODD), secured.at()) == []


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_wrong_password_is_said(secured, mechanism):
    access = secured.access("audit", sasl_mechanism=mechanism, sasl_password="not-the-one")  # noqa: S106  of nobody
    said = why(access, secured.at())

    assert f"rejects user audit with this password by {mechanism}" in said
    assert "not-the-one" not in said


def test_a_token_lets_in_and_is_read_again(secured, tmp_path):
    file = tmp_path / "token"
    access = secured.access("audit", **bearer(file))
    file.write_text(token_of("audit", lives_s=-40))
    assert "expired" in why(access, secured.at())

    file.write_text(token_of("audit"))
    assert SAMPLES in topics(access, secured.at())

    file.write_text("Xx.not-a-token-of-anybody.xX")
    said = why(access, secured.at())
    assert f"rejects the token (sasl.oauthbearer.token.file={file})" in said
    assert "not-a-token" not in said


def test_a_token_of_a_command_lets_in(secured, tmp_path):
    file = tmp_path / "token"
    file.write_text(token_of("audit"))
    command = {"sasl_oauthbearer_token_file": "", "sasl_oauthbearer_token_command": f"cat {quote(str(file))}"}

    assert SAMPLES in topics(secured.access("audit", **(bearer(file) | command)), secured.at())


def test_a_certificate_of_another_host_is_said(secured):
    at = secured.at("elsewhere")

    assert "certificate is for another host" in why(secured.access("audit", "elsewhere"), at)
    unchecked = secured.access("audit", "elsewhere", ssl_endpoint_identification_algorithm="none")
    assert SAMPLES in topics(unchecked, at)


def test_an_expired_certificate_is_said(secured):
    assert "the broker's certificate has expired" in why(secured.access("audit", "expired"), secured.at("expired"))


def test_an_unknown_authority_is_said_and_one_that_is_renewed_in_place_is_used(secured, tmp_path):
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    access = secured.access("audit", ssl_ca_location=str(file))
    assert f"an authority that ssl.ca.location={file} does not contain" in why(access, secured.at())

    file.write_bytes(secured.ca.read_bytes())

    assert SAMPLES in topics(access, secured.at())


def test_a_client_certificate_lets_in_and_one_that_is_renewed_in_place_is_used(secured, tmp_path):
    file, at = tmp_path / "audit.pem", secured.at("mutual")
    access = secured.access("", "mutual", ssl_certificate_location=str(file))
    trustme.CA().issue_cert(NAME, common_name="audit").private_key_and_cert_chain_pem.write_to_path(file)
    assert f"rejects the certificate {file}" in why(access, at)

    expired(secured.authority, NAME, common_name="audit").private_key_and_cert_chain_pem.write_to_path(file)
    assert f"rejects the certificate {file}" in why(access, at)

    secured.authority.issue_cert(NAME, common_name="audit").private_key_and_cert_chain_pem.write_to_path(file)
    assert SAMPLES in topics(access, at)


def test_a_client_certificate_that_is_missing_is_said(secured):
    assert "set ssl.certificate.location" in why(secured.access("", "mutual"), secured.at("mutual"))


def test_a_protocol_that_the_port_does_not_speak_is_said(secured):
    """Either side may be the one that speaks TLS, or wants a login."""
    login, clear_login = secured.access("audit"), secured.access("audit", "plainlogin")

    assert "security.protocol" in why(OPEN, secured.at())
    assert "security.protocol" in why(OPEN, secured.at("plainlogin"))
    assert "security.protocol" in why(clear_login, secured.at())
    assert "security.protocol" in why(clear_login, secured.clear)
    assert "security.protocol" in why(login, secured.clear)
    assert "security.protocol" in why(login, secured.at("mutual")) or "certificate" in why(login, secured.at("mutual"))
    assert "security.protocol" in why(secured.access("", "mutual"), secured.at())


def test_a_broker_that_does_not_answer_is_only_away(secured):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(GigawattError, match=f"no Kafka broker answers at {at};"):
            KafkaAdmin(at, timeout_s=0.5, access=secured.access("audit"))


def test_a_missing_right_is_said_with_whose_and_to_what(secured):
    access = secured.access("nobody")
    producer = KafkaProducer(bootstrap_servers=secured.clear)
    producer.send(SAMPLES, b"{}", partition=0).get(20)
    producer.close()
    with KafkaAdmin(secured.at(), access=access) as admin, pytest.raises(MissingRightError) as described:
        admin.log_id(SAMPLES)
    wanted = f"Kafka denies Write on topic {SAMPLES} to User:audit"
    assert any(wanted in producer_says(secured.access("audit"), secured.at()) for _ in range(20))
    with pytest.raises(MissingRightError) as read:
        list(read_log(secured.at(), SAMPLES, {0: (0, 1)}, secured.access("status")))

    assert f"Kafka denies Describe on topic {SAMPLES} to User:nobody" in str(described.value)
    assert f"Kafka denies Read on topic {SAMPLES} to User:status" in str(read.value)


def test_a_producer_says_what_it_waits_for_and_again_when_it_is_something_else(secured, tmp_path):
    password = tmp_path / "password"
    password.write_text("wrong")
    changed = {"sasl_password": "", "sasl_password_file": str(password)}
    access, stop = secured.access("producer", **changed), threading.Event()
    connections = []
    with capture_logs() as said:
        waiting = threading.Thread(
            target=lambda: connections.append(connect(secured.at(), SAMPLES, stop=stop, access=access))
        )
        waiting.start()
        while not any("rejects user producer" in line["missing"] for line in said):
            stop.wait(0.05)
        so_far = len(said)
        stop.wait(4)  # it tries again meanwhile, and has nothing new to say
        assert len(said) == so_far
        password.write_text(password_of("producer"))
        waiting.join(30)
    assert connections[0] is not None
    connections[0].producer.close()


def test_a_right_that_is_withdrawn_while_a_producer_runs_is_said(secured):
    """The samples are counted as lost with the reason; the next connection waits for the right."""
    with AclAdmin(secured.clear) as admin:
        admin.allow("User:nobody", roles()["producer"])
        connection = connect(
            secured.at(), SAMPLES, stop=threading.Event(), give_up_s=60, access=secured.access("nobody")
        )
        assert connection is not None
        everything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
        rights = ACLFilter("User:nobody", None, ACLOperation.ANY, ACLPermissionType.ANY, everything)
        admin._client.delete_acls([rights])
    with capture_logs() as said:
        publisher = KafkaPublisher(connection, SAMPLES)
        until = time.monotonic() + 60
        while not publisher.sent.lost and time.monotonic() < until:
            publisher.publish(Batch("a", batch(host="a")))
            time.sleep(0.1)
        publisher.close(1.0)
    (reason,) = {line["reason"] for line in said if line["event"] == "samples are being lost"}
    assert f"Kafka denies Write on topic {SAMPLES} to User:nobody; `gigawatt acls` shows" in reason

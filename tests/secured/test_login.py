"""The worker's own client gets in by every login, and uses what is renewed in place."""

import asyncio
import gc
import warnings
from collections.abc import Iterator

import aiokafka.conn
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from schema.kafka_access import OPEN, KafkaAccess
from schema.topics import SAMPLES
from streams import login
from tests.secured.broker import ODD, Secured, password_of, token_of

NAME = "audit.example"
NO_PASSWORD = {"sasl_username": "", "sasl_password": ""}


@pytest.fixture(autouse=True)
def _own_connections_again() -> Iterator[None]:
    """Leave aiokafka as it was: there is one for the process. It does not close what was refused."""
    usual = aiokafka.conn.AIOKafkaConnection
    yield
    aiokafka.conn.AIOKafkaConnection = usual
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def sees(access: KafkaAccess, at: str) -> bool:
    """Say whether a client that Faust would make sees the samples' topic. Raises `KafkaError` where it gets not in."""
    login.install(access)

    async def ask() -> bool:
        auth = credentials_to_aiokafka_auth(login.credentials(access), None)
        producer = AIOKafkaProducer(bootstrap_servers=at, **auth)
        try:
            await producer.start()
            return SAMPLES in (await producer.client.fetch_all_metadata()).topics()
        finally:
            await producer.stop()

    return asyncio.run(ask())


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_password_lets_in(secured: Secured, mechanism):
    assert sees(secured.access("audit", sasl_mechanism=mechanism), secured.at())


def test_a_broker_in_the_clear_and_one_without_tls_are_reached(secured):
    assert sees(OPEN, secured.clear)
    assert sees(secured.access("audit", "plainlogin"), secured.at("plainlogin"))


def test_a_name_that_scram_writes_differently_lets_in(secured):
    assert not sees(secured.access(ODD), secured.at())  # it has no right to see it


def test_a_client_certificate_lets_in(secured, tmp_path):
    file = tmp_path / "audit.pem"
    secured.authority.issue_cert(NAME, common_name="audit").private_key_and_cert_chain_pem.write_to_path(file)

    assert sees(secured.access("", "mutual", ssl_certificate_location=str(file)), secured.at("mutual"))


def test_a_token_lets_in_and_one_that_is_refused_is_no_success(secured, tmp_path):
    file = tmp_path / "token"
    access = secured.access("", sasl_mechanism="OAUTHBEARER", sasl_oauthbearer_token_file=str(file), **NO_PASSWORD)
    file.write_text("no.token-of-anybody.x")
    with pytest.raises(KafkaError):
        sees(access, secured.at())

    file.write_text(token_of("audit"))

    assert sees(access, secured.at())


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_password_that_is_renewed_in_place_is_used_for_the_next_connection(secured, tmp_path, mechanism):
    """Faust is told the password once, when the app is made."""
    file = tmp_path / "password"
    file.write_text("wrong")
    access = secured.access("audit", sasl_mechanism=mechanism, sasl_password="", sasl_password_file=str(file))
    auth = credentials_to_aiokafka_auth(login.credentials(access), None)
    login.install(access)

    async def start() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=secured.at(), **auth)
        try:
            await producer.start()
        finally:
            await producer.stop()

    with pytest.raises(KafkaError):
        asyncio.run(start())
    file.write_text(password_of("audit"))
    asyncio.run(start())


def test_another_host_is_not_believed(secured):
    with pytest.raises(KafkaError):
        sees(secured.access("audit", "elsewhere"), secured.at("elsewhere"))

"""How the worker's client gets in to Kafka: what Faust is told, and what aiokafka does with it.

Read in aiokafka 0.14: a password is kept for as long as the client lives, and a token that the broker refuses counts as
accepted, so that the connection breaks off at the next request for no stated reason.
"""

import asyncio
from typing import Any

import aiokafka.conn
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError, SaslAuthenticationFailed
from faust.auth import Credentials, OAuthCredentials, SASLCredentials, SSLCredentials

from schema.errors import GigawattError
from schema.kafka_access import KafkaAccess
from schema.kafka_tokens import Token


def credentials(access: KafkaAccess) -> Credentials | None:
    """Return what Faust is told, None for a broker in the clear. Raises `GigawattError` for a file that is no good."""
    if access.token is not None:
        return OAuthCredentials(oauth_cb=_Provider(access.token), ssl_context=access.context)
    if access.mechanism is not None:
        return SASLCredentials(
            username=access.username,
            password=access.password.read(),
            mechanism=access.mechanism,
            ssl_context=access.context,
        )
    return None if access.context is None else SSLCredentials(access.context)


def install(access: KafkaAccess) -> None:
    """Have aiokafka's connections log in with what is so then, and look at the answer to a token."""

    class Connection(_Connection):
        password = access.password

    aiokafka.conn.AIOKafkaConnection = Connection


class _Connection(aiokafka.conn.AIOKafkaConnection):  # type: ignore[misc]  # aiokafka is untyped
    password: Any

    def authenticator_plain(self) -> Any:
        self._read_password()
        return super().authenticator_plain()

    def authenticator_scram(self) -> Any:
        self._read_password()
        return super().authenticator_scram()

    def authenticator_oauth(self) -> Any:
        return _Bearer(sasl_oauth_token_provider=self._sasl_oauth_token_provider)

    def _read_password(self) -> None:
        try:
            self._sasl_plain_password = self.password.read()
        except GigawattError as error:
            raise KafkaConnectionError(str(error)) from error  # to be tried again, as if the broker were away


class _Bearer(aiokafka.conn.OAuthAuthenticator):  # type: ignore[misc]  # aiokafka is untyped
    async def step(self, payload: bytes | None) -> Any:
        if payload:  # RFC 7628: what is said after the token is an error
            raise SaslAuthenticationFailed("the broker rejects the token")
        return await super().step(payload)


class _Provider(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka is untyped
    def __init__(self, token: Token) -> None:
        self._token = token

    async def token(self) -> str:
        """Return the token to send now."""
        try:
            return await asyncio.to_thread(self._token.read)
        except GigawattError as error:
            raise KafkaConnectionError(str(error)) from error

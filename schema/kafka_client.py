"""How kafka-python's clients get in: with secrets as they are now, and with a reason when they are kept out.

Read in kafka-python 3.0.12: what a broker says to a login goes to the client's log alone, and its constructor raises
that it timed out; an answer is thrown away when the broker closes the connection right after it, as after a wrong
password; a handshake is waited for without end, and leaves its socket open when it fails; a constructor that raises
leaves its sockets and its thread; a password is kept for as long as the client lives; SCRAM gets a user's name as it
is, where `,` and `=` have a meaning; after a rejected login it does not wait before the next one. A client is made
through its `kafka_client` setting, so no secret is among settings that it might log.
"""

import ssl
import threading
from collections import Counter
from contextlib import suppress
from typing import Any, Final

from kafka.errors import KafkaConnectionError, KafkaError, TopicAuthorizationFailedError
from kafka.net.compat import KafkaNetClient
from kafka.net.inet import create_connection
from kafka.net.manager import KafkaConnectionManager
from kafka.net.sasl.oauth import AbstractTokenProvider
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport
from kafka.protocol.metadata import MetadataRequest

from schema.errors import GigawattError
from schema.kafka_access import KafkaAccess
from schema.kafka_refused import HANDSHAKE, is_silent, refusal

_ASK_WITHIN_S: Final = 2.0
_REFUSED: Final = 3


class Login:
    """One client's way in: `Client(..., kafka_client=login.client)`. `refusal` says what keeps it out now, if known."""

    def __init__(self, access: KafkaAccess) -> None:
        self._access = access
        self._last: BaseException | None = None
        self._client: Any = None

    def client(self, **settings: Any) -> Any:
        """Make what kafka-python talks to brokers with. Raises `GigawattError` for a file that is no good."""
        self._access.check()
        net = NetworkSelector(**settings)
        self._client = KafkaNetClient(net, _Manager(net, self, self._access, settings))
        return self._client

    def note(self, error: BaseException | None) -> None:
        """Note why a connection was not made or broke off; None when one was made."""
        if error is None or self._last is None or not is_silent(error):
            self._last = error

    @property
    def refusal(self) -> str:
        """What keeps the client out, in the operator's words; "" where nothing does, or nobody answers."""
        return "" if self._last is None else refusal(self._last, self._access)

    def rights(self, topic: str) -> set[int] | None:
        """Return what this principal may do to a topic, as Kafka's numbers of operations; None if nobody says.

        Without a thread of its own: whoever has a second client for it pays with 10 MB.
        """
        request = MetadataRequest(
            topics=[MetadataRequest.MetadataRequestTopic(name=topic)],
            allow_auto_topic_creation=False,
            include_topic_authorized_operations=True,
        )
        manager, answered = self._client._manager, threading.Event()  # noqa: SLF001  kafka-python has no other way to it
        future = manager.call_soon(manager.send, request)
        future.add_both(lambda _: answered.set())
        self._client.wakeup()
        if not answered.wait(_ASK_WITHIN_S) or not future.succeeded():
            return None
        said = future.value.topics[0]
        if said.error_code == TopicAuthorizationFailedError.errno:
            return set()
        return None if said.authorized_operations is None else set(said.authorized_operations)

    def close(self) -> None:
        """Let go of what a client's constructor that raised has left behind."""
        if self._client is not None:
            with suppress(KafkaError, OSError, RuntimeError):
                self._client.close()


class _Manager(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python is untyped
    """Makes each connection with the secrets of now, and notes how it went."""

    def __init__(self, net: Any, login: Login, access: KafkaAccess, settings: dict[str, Any]) -> None:
        self._login = login
        self._access = access
        self._refusals: Counter[Any] = Counter()
        super().__init__(
            net,
            **{
                **settings,
                "security_protocol": access.protocol,
                "ssl_context": access.context,
                "sasl_mechanism": access.mechanism,
                "sasl_oauth_token_provider": None if access.token is None else _Provider(access),
            },
        )

    async def _do_bootstrap(self, deadline: float | None) -> Any:
        self._refusals.clear()
        return await super()._do_bootstrap(deadline)

    def get_connection(self, node_id: Any, *arguments: Any, **options: Any) -> Any:
        """Do as the client does, but give up its beginning when every broker has rejected."""
        beginning = not options.get("pop_on_close", True)
        if beginning and all(self._refusals[broker.node_id] >= _REFUSED for broker in self.cluster.bootstrap_brokers()):
            raise KafkaError(self._login.refusal)
        return super().get_connection(node_id, *arguments, **options)

    def _count(self, node_id: Any, error: BaseException) -> None:
        """Count a refusal: a broker that breaks off without a word may be one that ends, so one is not enough."""
        if refusal(error, self._access):
            self._refusals[node_id] += 1 if is_silent(error) else _REFUSED

    async def _connect(self, node: Any, conn: Any, *arguments: Any, **options: Any) -> None:
        conn.close_future.add_errback(lambda error: self._count(node.node_id, error))
        for future in (conn.init_future, conn.close_future):
            future.add_errback(self._login.note)
        conn.init_future.add_callback(lambda _: self._login.note(None))
        try:
            conn.config.update(self._credentials())
        except GigawattError as error:
            conn.connection_lost(error)
        else:
            await super()._connect(node, conn, *arguments, **options)
        if conn.init_future.failed() and self.connection_delay(node.node_id) == 0:
            self.update_backoff(node.node_id)

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        options, context = self.config["socket_options"], self._access.context
        sock = await create_connection(self._net, node.host, node.port, options, timeout_at=timeout_at)
        if context is None:
            return _Clear(self._net, sock, host=node.host)
        transport = _Encrypted(self._net, sock, host=node.host, ssl_context=context)
        transport.timeout_at = timeout_at
        try:
            await transport.handshake()
        except Exception as error:
            transport.close()
            raise KafkaConnectionError(f"{HANDSHAKE}: {error}") from error
        return transport

    def _credentials(self) -> dict[str, str]:
        if not self._access.username:
            return {}
        username = self._access.username
        if str(self._access.mechanism).startswith("SCRAM"):
            username = username.replace("=", "=3D").replace(",", "=2C")
        return {"sasl_plain_username": username, "sasl_plain_password": self._access.password.read()}


class _LastWords:
    """Hands on what came before the end of a connection, and the end only then."""

    _end: Any = None

    def _sock_recv(self) -> Any:
        if self._end is not None:
            return b"", self._end
        received, end = super()._sock_recv()  # type: ignore[misc]  # it stands before one of the two below
        if received and end:
            self._end, end = end, None
        return received, end


class _Clear(_LastWords, KafkaTCPTransport):  # type: ignore[misc]  # kafka-python is untyped
    pass


class _Encrypted(_LastWords, KafkaSSLTransport):  # type: ignore[misc]  # the same
    timeout_at: float | None = None

    async def handshake(self) -> None:
        while True:
            try:
                self._sock.do_handshake()
            except ssl.SSLWantReadError:
                await self._net.wait_read(self._sock, timeout_at=self.timeout_at)
            except ssl.SSLWantWriteError:
                await self._net.wait_write(self._sock, timeout_at=self.timeout_at)
            else:
                return


class _Provider(AbstractTokenProvider):  # type: ignore[misc]  # kafka-python is untyped
    def __init__(self, access: KafkaAccess) -> None:
        super().__init__()
        self._access = access

    def token(self) -> str:
        """Return the token to send now."""
        assert self._access.token is not None  # noqa: S101  it is made for one
        return self._access.token.read()

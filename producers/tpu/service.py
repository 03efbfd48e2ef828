"""The client of a TPU runtime's metric service, with a deadline for everything it asks.

What it speaks is in the stubs that tpu-info ships (`tpu.monitoring.runtime.RuntimeMetricService`).
"""

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from producers.source import SourceError
from producers.tpu.runtime import wanted

_MAX_ANSWER_BYTES: Final = 2**20
"""A metric of a whole slice of 9,216 chips has half of that."""
_CHANNEL: Final = (
    ("grpc.max_receive_message_length", _MAX_ANSWER_BYTES),
    ("grpc.max_metadata_size", 16 * 2**10),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5000),  # a workload that starts is seen within five seconds, not two minutes
)

_HELLO: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""How a client of HTTP/2 begins: its preface, and settings of its own, which may be none (RFC 9113, section 3.4)."""
_HELLO_WITHIN_S: Final = 0.5
_SETTINGS: Final = 4

Answers = Mapping[str, Sequence[Any]]
"""`Metric` messages by the metric's name."""


class UnavailableError(SourceError):
    """Nothing serves metrics at an address: what is to be expected while no workload holds the chips."""


class Runtime:
    """The metric service at one address; `grpc` and `messages` are the modules, `stub` makes the service's stub.

    `own_chips` asks for the chips of that process alone: a service otherwise adds up what others on its node tell.
    Each of the two rounds that a read takes has half of the time: calls are all under way at once.
    """

    def __init__(self, address: str, *, timeout_s: float, own_chips: bool, grpc: Any, messages: Any, stub: Any) -> None:
        self.address = address
        self._call_s = timeout_s / 2
        self._timeout_s = timeout_s
        self._own_chips = own_chips
        self._grpc, self._messages = grpc, messages
        # Without credentials, as GKE's device plugin does: tpu-info's only prove that a connection is local.
        self._channel = grpc.insecure_channel(address, options=_CHANNEL)
        self._stub = stub(self._channel)
        self._names: Sequence[str] | None = None
        self._listing: Any = None
        self._calls: dict[str, Any] = {}

    def list_metrics(self) -> None:
        """Begin the first round: which metrics there are. It is skipped once that is known."""
        if self._names is None:
            request = self._messages.ListSupportedMetricsRequest()
            self._listing = self._stub.ListSupportedMetrics.future(request, timeout=self._call_s)

    def ask(self) -> None:
        """End the first round and begin the second: the metrics themselves.

        Raises `UnavailableError`, and `SourceError` when it does not answer in time.
        """
        self._calls = {}
        if self._names is None:
            try:
                self._names = wanted(metric.metric_name for metric in self._listing.result().supported_metric)
            except self._grpc.RpcError as error:
                self._check(error)
                self._names = wanted(())  # an older service does not list them
        for name in self._names:
            request = self._messages.MetricRequest(metric_name=name, skip_node_aggregation=self._own_chips)
            self._calls[name] = self._stub.GetRuntimeMetric.future(request, timeout=self._call_s)

    def answers(self) -> Answers:
        """End the second round: the metrics that were reported, by name. Raises as `ask` does, when none was."""
        told: dict[str, Sequence[Any]] = {}
        failure: Any = None
        for name, call in self._calls.items():
            try:
                told[name] = call.result().metric.metrics
            except self._grpc.RpcError as error:
                failure = error
        if not told:
            self._names = None  # another libtpu may be there next time
            self._check(failure)
            raise SourceError(
                f"{self.address} answers {failure.code().name}; check whether it is the metric service of a TPU runtime"
            )
        return told

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def _check(self, error: Any) -> None:
        code = error.code()
        if code is self._grpc.StatusCode.UNAVAILABLE:
            if is_something_else(self.address):
                raise SourceError(
                    f"the service at {self.address} is not the metric service of a TPU runtime"
                ) from error
            raise UnavailableError(f"nothing serves TPU metrics at {self.address}") from error
        if code in (self._grpc.StatusCode.DEADLINE_EXCEEDED, self._grpc.StatusCode.CANCELLED):
            raise SourceError(f"{self.address} did not answer within {self._timeout_s:g} s") from error


def is_something_else(address: str) -> bool:
    """Say whether something accepts connections at HOST:PORT or unix:PATH, and is no server of gRPC's HTTP/2.

    gRPC itself does not tell that from nothing at all. A runtime that has just started says hello as soon as it
    listens, though a channel to it may yet wait to be created again.
    """
    try:
        connection = _connected(address)
    except (OSError, OverflowError):  # a port of five digits may be none
        return False
    with connection:
        try:
            connection.sendall(_HELLO)
            hello = connection.recv(9)  # the head of a frame: three bytes of length, then its type
        except OSError:
            hello = b""
    return len(hello) < 4 or hello[3] != _SETTINGS  # noqa: PLR2004  as above


def _connected(address: str) -> socket.socket:
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_HELLO_WITHIN_S)
        try:
            connection.connect(address.removeprefix("unix:"))
        except OSError:
            connection.close()
            raise
        return connection
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=_HELLO_WITHIN_S)


def ask_all(runtimes: Sequence[Runtime]) -> list[Answers | SourceError]:
    """Ask all of them at the same time; return what each answered, or why it did not."""
    for runtime in runtimes:
        runtime.list_metrics()
    asked = [_attempt(runtime.ask) for runtime in runtimes]
    return [failure or _attempt(runtime.answers) for runtime, failure in zip(runtimes, asked, strict=True)]


def _attempt(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except SourceError as error:
        return error

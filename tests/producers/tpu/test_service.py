"""Telling a TPU runtime's server from what else may listen at its address."""

import contextlib
import socket
import threading

import grpc
import pytest
from tpu_info.proto import tpu_metric_service_pb2 as messages
from tpu_info.proto import tpu_metric_service_pb2_grpc as services

from producers.source import SourceError
from producers.tpu.service import Runtime, is_something_else
from tests.producers.tpu_server import TpuServer, host, serving


@contextlib.contextmanager
def answering(body, family=socket.AF_INET, at=("127.0.0.1", 0)):
    """Accept one connection, send that much and close it; None keeps it open and says nothing."""
    done = threading.Event()
    with socket.create_server(at, family=family) if family == socket.AF_INET else _unix(at) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                if body is None:
                    done.wait(60)
                else:
                    connection.recv(1000)
                    connection.sendall(body)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield at if family != socket.AF_INET else f"127.0.0.1:{server.getsockname()[1]}"
        done.set()
        thread.join(60)


def _unix(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    return server


@pytest.mark.parametrize("body", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\0\0", b"\x15\x03\x01\0\2\2\x16", None])
def test_what_does_not_say_hello_is_something_else(body):
    """A web server, one that hangs up or says half a word, TLS, and silence."""
    with answering(body) as address:
        assert is_something_else(address)


def test_a_runtime_says_hello(tmp_path):
    for at in (None, f"unix:{tmp_path}/metrics"):
        with serving(TpuServer(), at=at) as server:
            assert not is_something_else(server.address)


def test_a_socket_file_may_be_of_something_else(tmp_path):
    path = str(tmp_path / "other")
    with answering(b"hello", socket.AF_UNIX, path):
        assert is_something_else(f"unix:{path}")


@pytest.mark.parametrize("address", ["localhost:1", "[::1]:1", "localhost:99999", "unix:/no/such/socket"])
def test_nothing_is_not_something(address):
    assert not is_something_else(address)


def test_an_answer_of_megabytes_is_not_taken():
    """It is no answer about the chips of one machine, nor of a slice."""
    server = TpuServer(host(chips=60_000))
    with serving(server):
        runtime = Runtime(
            server.address, timeout_s=20.0, own_chips=False, grpc=grpc, messages=messages,
            stub=services.RuntimeMetricServiceStub,
        )  # fmt: skip
        runtime.list_metrics()
        runtime.ask()
        with pytest.raises(SourceError, match="answers RESOURCE_EXHAUSTED"):
            runtime.answers()
        runtime.close()

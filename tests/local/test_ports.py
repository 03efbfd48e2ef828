import os
import socket

import psutil
import pytest

from local.broker.kafka import free_port
from local.ports import require_free
from schema.errors import GigawattError


def test_a_port_in_use_is_named_with_its_holder_and_the_way_out():
    """One line: the port, the process that listens on it, the flag that chooses another."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(GigawattError) as caught:
            require_free(port, flag="--kafka-port")

    me = f"{psutil.Process().name()} (pid {os.getpid()})"
    assert str(caught.value) == f"port {port} is in use by {me}; choose another with --kafka-port"


def test_a_free_port_passes():
    """Also one whose last connection lingers."""
    port = free_port("127.0.0.1")
    with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)):
        server.accept()[0].close()

    require_free(port, flag="--kafka-port")

"""What systemd is told, on a real socket of its kind."""

import os
import socket
import subprocess
import sys

import pytest

from gigawatt.systemd import telling_systemd


@pytest.fixture
def told(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(60)
        yield listener


def test_it_is_told_of_the_start_of_life_and_of_the_end(told):
    environment = {"NOTIFY_SOCKET": told.getsockname(), "WATCHDOG_USEC": "30000"}
    with telling_systemd(lambda: "", environment):
        assert [told.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
    last = b""
    while last != b"STOPPING=1":
        last = told.recv(100)


def test_a_loop_that_hangs_is_not_said_to_live(told):
    """So that the service is started again."""
    asked = []
    environment = {"NOTIFY_SOCKET": told.getsockname(), "WATCHDOG_USEC": "3000"}
    with telling_systemd(lambda: asked.append(1) or "the loop does not turn", environment):
        while len(asked) < 5:
            pass
    assert [told.recv(100), told.recv(100)] == [b"READY=1", b"STOPPING=1"]


@pytest.mark.parametrize("socket_path", ["", "/no/such/socket", "@no-such-socket"])
def test_without_systemd_nothing_is_told(socket_path):
    with telling_systemd(lambda: "", {"NOTIFY_SOCKET": socket_path}):
        pass


def test_a_producer_tells_of_itself_from_its_start(told):
    """Before any broker is there: nobody waits for one to start a service."""
    environment = {**os.environ, "NOTIFY_SOCKET": told.getsockname(), "WATCHDOG_USEC": "300000"}
    command = [sys.executable, "-m", "gigawatt", "produce", "simulated", "--chips", "1", "--to", "127.0.0.1:9"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        said = [told.recv(100) for _ in range(3)]
        process.terminate()

    assert said == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]

"""What `top` and `status` say when nothing is up. On a running stack, tests/local/test_up.py asks them."""

import signal
import socket
import subprocess
import sys

import pytest

from tests.gigawatt.running import gigawatt


@pytest.fixture
def nothing():
    """Hold a port at which nothing answers: bound, not listening."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def test_status_names_what_is_down(nothing: str):
    """One line for each part that is down, and exit status 1."""
    done = gigawatt("status", "--kafka", nothing, "--clickhouse", f"http://{nothing}")

    assert done.returncode == 1
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["DOWN", "kafka"], ["DOWN", "clickhouse"]]
    assert done.stderr == ""


@pytest.mark.parametrize("flag", ["--once", "--json"])
def test_top_that_is_to_print_once_fails_in_one_line(nothing: str, flag: str):
    """Without ClickHouse there is nothing to print: one line, and exit status 1."""
    done = gigawatt("top", flag, "--clickhouse", f"http://{nothing}")

    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert done.stderr.count("\n") == 1


def test_live_top_says_what_it_waits_for_and_ends_cleanly(nothing: str):
    """A top that runs waits for ClickHouse, says so on standard error, and ends at SIGINT with exit code 0."""
    command = [sys.executable, "-m", "gigawatt", "top", "--clickhouse", f"http://{nothing}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert "waiting: ClickHouse at" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0

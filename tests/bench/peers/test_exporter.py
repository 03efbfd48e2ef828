"""All hosts' exporters answer in one process, and know what was read of them."""

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from bench.peers.exporter import COUNT


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict]]:
    path = tmp_path_factory.mktemp("exporters") / "targets.json"
    command = [sys.executable, "-m", "bench.peers.exporter", "--chips", "80", "--batch", "8", "--targets", str(path)]
    with subprocess.Popen(command) as process:
        while not path.exists():
            assert process.poll() is None
            time.sleep(0.1)
        yield json.loads(path.read_text())
        process.terminate()


def test_every_host_is_a_target_of_its_own(targets):
    labels = [target["labels"] for target in targets]

    assert len({one["__metrics_path__"] for one in labels}) == len({one["instance"] for one in labels}) == len(targets)
    assert len({address for target in targets for address in target["targets"]}) == 1
    assert all(one["site"] and one["fleet"] and one["platform"] for one in labels)


def test_what_was_read_is_counted(targets):
    with closing(http.client.HTTPConnection(targets[0]["targets"][0])) as connection:

        def get(path: str) -> str:
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.status == 200
            return answer.read().decode()

        before = json.loads(get(COUNT))
        texts = [get(target["labels"]["__metrics_path__"]) for target in targets]
        after = json.loads(get(COUNT))

    assert after["samples"] - before["samples"] == 80
    assert after["pages"] - before["pages"] == len(targets)
    lines = sum(not line.startswith("#") for text in texts for line in text.splitlines())
    assert after["values"] - before["values"] == lines
    assert len(set(texts)) == len(targets)


def test_requests_that_come_together_or_in_pieces_are_answered_in_their_order(targets):
    host, _, port = targets[0]["targets"][0].partition(":")
    sent = b"".join(f"GET /{number}?of=it HTTP/1.1\r\nHost: it\r\n\r\n".encode() for number in (1, 0))
    received = b""
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(sent[:20])
        time.sleep(0.05)
        connection.sendall(sent[20:])
        while received.count(b"HTTP/1.1 200") < 2 or not received.endswith(b"\n"):
            received += connection.recv(1 << 16)

    first = received.partition(b"\r\n\r\n")[2].partition(b"HTTP/1.1")[0]
    assert f'host="{targets[1]["labels"]["instance"]}"'.encode() in first

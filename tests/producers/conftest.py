"""A real broker that a test can stop for a while."""

import os
import signal
import socket

import pytest

from local.broker import tansu
from local.broker.running import Place
from schema.kafka import KafkaAdmin
from tests.local.broker.conftest import running


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Away:
    """A Tansu broker that can be stopped and go on, with the topics of Gigawatt."""

    def __init__(self, bootstrap, process):
        self.bootstrap = bootstrap
        self.process = process

    def pause(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    port = free_port()
    with running(tansu.prepare(Place(tmp_path_factory.mktemp("tansu"), port), environ=os.environ)) as process:
        bootstrap = f"127.0.0.1:{port}"
        with KafkaAdmin(bootstrap) as admin:
            admin.ensure(2)
        yield Away(bootstrap, process)

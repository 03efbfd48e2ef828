"""What a process tells of itself, asked over real HTTP."""

import http.client
import socket
import time

import pytest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from schema.address import Address
from schema.served import SelfReport, Serving, serving

ANY = Address("127.0.0.1", 0)


class Chips:
    """Collects one figure, or fails."""

    def __init__(self, value: float = 8, error: Exception | None = None) -> None:
        self.value, self.error = value, error

    def collect(self):
        if self.error:
            raise self.error
        family = GaugeMetricFamily("gigawatt_chips", "Chips.", labels=["host"])
        family.add_metric(['a "b"\n\\'], self.value)
        yield family


def ask(port, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body


def test_metrics_are_as_prometheus_reads_them():
    """Whatever stands in a label; and the process's own are with them."""
    chips = Chips()
    with serving(ANY, SelfReport([chips])) as server:
        chips.value = 9
        answer, body = ask(server.port, "/metrics")
    families = {family.name: family for family in text_string_to_metric_families(body)}

    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert families["gigawatt_chips"].samples[0].labels == {"host": 'a "b"\n\\'}
    assert families["gigawatt_chips"].samples[0].value == 9
    assert families["process_resident_memory_bytes"].samples[0].value > 1e6


def test_a_process_says_whether_it_lives_and_does_its_work():
    """With the reason where it does not; who does not live is not ready either."""
    state = {"alive": "", "ready": ""}
    with serving(ANY, SelfReport([], alive=lambda: state["alive"], ready=lambda: state["ready"])) as server:

        def told():
            return [
                (answer.status, body) for answer, body in (ask(server.port, path) for path in ("/healthz", "/readyz"))
            ]

        assert told() == [(200, "ok\n"), (200, "ok\n")]
        state["ready"] = "waiting:\n\x1b[2J http://me:secret@node/"
        assert told() == [(200, "ok\n"), (503, "waiting:\\n\\x1b[2J http://node/\n")]
        state["alive"] = "the loop does not turn"
        assert told() == [(503, "the loop does not turn\n")] * 2


def test_a_figure_that_cannot_be_read_costs_that_answer_alone():
    chips = Chips(error=ValueError("no chips"))
    with serving(ANY, SelfReport([chips], ready=lambda: 1 / 0)) as server:
        broken, state = ask(server.port, "/metrics"), ask(server.port, "/readyz")
        chips.error = None
        assert (broken[0].status, broken[1]) == (500, "ValueError: no chips\n")
        assert (state[0].status, state[1]) == (503, "ZeroDivisionError: division by zero\n")
        assert ask(server.port, "/metrics")[0].status == 200


def test_there_is_nothing_else_and_nothing_is_written():
    with serving(ANY, SelfReport([])) as server:
        assert ask(server.port, "/")[0].status == 404
        assert ask(server.port, "/metrics", "POST")[0].status == 501
        assert ask(server.port, "/metrics?x=1")[0].status == 200
        answer, body = ask(server.port, "/healthz", "HEAD")
        assert (answer.status, answer.headers["Content-Length"], body) == (200, "3", "")


@pytest.mark.parametrize(
    "headers", [{"Host": "rebound.example"}, {"Origin": "http://elsewhere"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_what_is_of_this_machine_alone_is_not_for_other_pages(headers):
    with serving(ANY, SelfReport([])) as server:
        assert ask(server.port, "/metrics", **headers)[0].status == 403


def test_an_address_that_is_taken_costs_nothing_and_is_tried_again():
    """One line says so, and one that it is served after all."""
    with socket.socket() as holder, capture_logs() as lines:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        address = Address(*holder.getsockname())
        server = Serving(address, SelfReport([]), try_again_s=0.01)
        assert server.port is None
        time.sleep(0.1)
        holder.close()
        deadline = time.monotonic() + 30
        while server.port is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert ask(address.port, "/healthz")[0].status == 200
        server.close()

    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("warning", "cannot serve metrics; retrying, everything else continues"),
        ("info", "serving metrics"),
    ]


def test_clients_that_do_not_end_keep_nobody_out():
    """The oldest goes."""
    with serving(ANY, SelfReport([])) as server:
        silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(40)]
        assert ask(server.port, "/healthz")[0].status == 200
        silent[0].settimeout(30)
        assert silent[0].recv(1) == b""
        for one in silent:
            one.close()


def test_without_an_address_nothing_is_served():
    with serving(None, SelfReport([])) as server:
        assert server is None

"""The process: its end, its return, and what it refuses to share."""

import signal
import socket
import threading

import pytest

from schema.errors import EXIT_START_AGAIN
from tests.local.clickhouse.conftest import launch, wait_until

CREATE = "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a"


# Work for far more than the tests wait, which looks at no limit.
ENDLESS = "SELECT ignore(concat(toString(number), repeat('ab', 1000)) ILIKE repeat('ba', 1000)) FROM numbers(65000)"


def refusal(*arguments):
    """Start a front that cannot run, and give its exit code and its words."""
    process = launch(*arguments)
    _, words = process.communicate(timeout=60)
    return process.returncode, words


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)])
def test_acknowledged_rows_outlive_the_process(fronts, tmp_path, number, code):
    """However it ends, what it answered for is there at the next start."""
    first = fronts(tmp_path / "data")
    first.ask(CREATE)
    for _ in range(20):
        assert first.ask("INSERT INTO t FORMAT CSV\n1\n").status == 200
    assert first.stop(number) == code
    second = fronts(tmp_path / "data")

    assert second.ask("SELECT sum(a) FROM t").data == b"20\n"


def test_a_running_request_ends_before_the_process(fronts, tmp_path):
    """SIGTERM lets it finish."""
    front = fronts(tmp_path / "data", "--grace", "60")
    answers = []
    asking = threading.Thread(target=lambda: answers.append(front.ask("SELECT sleep(3)").data))
    asking.start()
    wait_until(lambda: front.ask("SELECT count() FROM system.processes").data == b"2\n")

    assert front.stop() == 0
    asking.join()
    assert answers == [b"0\n"]


def test_the_process_ends_though_a_query_would_not(fronts, tmp_path):
    """After its grace a query is cancelled."""
    front = fronts(tmp_path / "data", "--grace", "0.3")
    with front.hanging("SELECT count() FROM numbers(1e12) WHERE cityHash64(number) = 7"):
        wait_until(lambda: front.ask("SELECT count() FROM system.processes").data == b"2\n")

        assert front.stop() == 0


def test_a_directory_has_one_owner(front):
    """The second one says so in one line."""
    code, words = refusal(front.path)

    assert code == 1
    assert words == f"{front.path} is in use by another process; stop that process, or choose another directory\n"


def test_a_directory_s_name_is_taken_as_it_is(fronts, tmp_path):
    """Blanks are fine; a question mark, after which the engine would read options, is refused."""
    assert fronts(tmp_path / "my data é").ask("SELECT 1").data == b"1\n"
    assert refusal(tmp_path / "data?x=1")[1].count("\n") == 1


def test_a_port_has_one_owner(tmp_path):
    """The operator is told which port, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, words = refusal(tmp_path / "data", "--port", str(port))

    assert code == 1
    assert words.startswith(f"cannot listen on 127.0.0.1:{port} (Address already in use): ")
    assert words.count("\n") == 1


def test_a_listener_is_taken_over(tmp_path):
    """Who hands it over keeps the port: who asks too early, or after a crash, waits for the engine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        early = socket.create_connection(listener.getsockname(), timeout=60)
        early.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        descriptor = listener.fileno()
        for _ in range(2):
            process = launch(tmp_path / "data", "--listener", str(descriptor), passes=(descriptor,))
            answered = early.recv(100)
            early.close()
            process.kill()
            process.communicate(timeout=60)
            assert answered.startswith(b"HTTP/1.1 200")
            with pytest.raises(OSError, match="in use"):
                socket.create_server(listener.getsockname())
            early = socket.create_connection(listener.getsockname(), timeout=60)
            early.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        early.close()


def test_what_is_no_listener_is_refused(tmp_path):
    """In one line."""
    with socket.socket() as idle:
        process = launch(tmp_path / "data", "--listener", str(idle.fileno()), passes=(idle.fileno(),))
        words = process.communicate(timeout=60)[1]

    assert words.endswith("is a socket that does not listen\n")
    assert refusal(tmp_path / "data", "--listener", "999")[1].count("\n") == 1


def test_a_query_that_nothing_stops_ends_the_process_with_a_status_of_its_own(fronts, tmp_path):
    """By which a supervisor knows that it need only start it again."""
    front = fronts(tmp_path / "data")
    with front.hanging(ENDLESS, user="grafana"):
        wait_until(lambda: front.ask("SELECT count() FROM system.processes").data == b"2\n")
    assert front.process.wait(timeout=120) == EXIT_START_AGAIN
    words = front.process.stderr.read()

    assert words.startswith("clickhouse exits: a query still runs 15 s after ")
    assert words.count("\n") == 1


def test_memory_is_bounded(fronts, tmp_path):
    """A query beyond the bound is refused, and the process lives on."""
    front = fronts(tmp_path / "data", "--memory-mb", "1000")
    greedy = front.ask("SELECT length(groupArray(repeat('x', 1000))) FROM numbers(10000000)")

    assert greedy.headers["X-ClickHouse-Exception-Code"] == "241"
    assert front.ask("SELECT 1").data == b"1\n"
    assert front.fetch("ping").data == b"Ok.\n"


def test_the_process_ends_though_a_query_cannot(fronts, tmp_path):
    """Its work is done but for that query, so it ends well, before a supervisor would kill it."""
    front = fronts(tmp_path / "data", "--grace", "0.3")
    front.ask(CREATE)
    front.ask("INSERT INTO t FORMAT CSV\n1\n")
    with front.hanging(ENDLESS):
        wait_until(lambda: front.ask("SELECT count() FROM system.processes").data == b"2\n")

        assert front.stop() == 0
    assert fronts(tmp_path / "data").ask("SELECT sum(a) FROM t").data == b"1\n"

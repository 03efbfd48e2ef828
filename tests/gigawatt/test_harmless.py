"""What leaves a command for a terminal or a log is harmless, whoever wrote it; and tells no secret of a URL."""

import io
import json
import logging
import socket
import sys
import threading

import pytest
import structlog
from hypothesis import given, settings

from gigawatt import log
from gigawatt.status_line import StatusLine
from schema import harmless
from schema.errors import GigawattError
from schema.terminal import say, say_lines
from tests.gigawatt.running import gigawatt
from tests.local.clickhouse.conftest import start
from tests.producers.exporter import Exporter, serving
from tests.texts import hidden_in, hostile

ESCAPES = "\x1b]0;owned\x07\u202e\x9b2J"
SECRET = "http://me:secret@node/x?ticket=secret"  # noqa: S105  what must not be seen


def fail(text: str) -> None:
    raise ValueError(text)


@settings(deadline=None)
@given(hostile())
def test_an_event_is_one_harmless_line(text):
    """Its name and whatever is told with it."""
    to = io.StringIO()
    logger = structlog.wrap_logger(structlog.PrintLogger(to), processors=log.processors("iso"))
    logger.warning(text, reason=text, error=ValueError(text), several=[text], count=3)

    assert hidden_in(to.getvalue()) == []
    assert to.getvalue().count("\n") == 1


def test_an_event_keeps_what_is_not_for_logs():
    """Nor does the traceback below it."""
    to = io.StringIO()
    logger = structlog.wrap_logger(structlog.PrintLogger(to), processors=log.processors("iso"))
    try:
        fail(f"{SECRET} {ESCAPES}")
    except ValueError:
        logger.exception("cannot read", url=SECRET)

    assert "ValueError: http://node/x" in to.getvalue()
    assert "secret" not in to.getvalue()
    assert hidden_in(to.getvalue()) == []


@given(hostile())
def test_an_error_for_the_operator_is_one_harmless_line(text):
    """From the moment that it is made."""
    assert hidden_in(str(GigawattError(text))) == []
    assert "\n" not in str(GigawattError(text))


@pytest.fixture
def _libraries_pass_through():
    factory, hook, thread_hook = logging.getLogRecordFactory(), sys.excepthook, threading.excepthook
    filters = list(logging.getLogger("aiohttp.server").filters)
    harmless.make_libraries_harmless()
    yield
    logging.setLogRecordFactory(factory)
    logging.getLogger("aiohttp.server").filters[:] = filters
    sys.excepthook, threading.excepthook = hook, thread_hook


@pytest.mark.usefixtures("_libraries_pass_through")
def test_what_libraries_log_is_harmless():
    """Message, arguments and traceback, whatever handler writes them."""
    to = io.StringIO()
    handler = logging.StreamHandler(to)
    logger = logging.Logger("library")  # noqa: LOG001  one that nobody else has
    logger.addHandler(handler)
    logger.makeRecord = logging.getLogger().makeRecord
    logger.error("%s said %s", SECRET, ESCAPES)
    logger.error("100% wrong", ESCAPES)
    try:
        fail(ESCAPES)
    except ValueError:
        logger.exception("failed\nforged line")

    assert hidden_in(to.getvalue()) == []
    assert "secret" not in to.getvalue()
    assert "\nforged" not in to.getvalue()


def test_a_request_that_cannot_be_read_is_not_logged(tmp_path):
    """Its client is answered; a line of it could be a password's."""
    front = start(tmp_path / "data")
    head = "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic c2VjcmV0\x00\r\n\r\n"
    with socket.create_connection(("127.0.0.1", front.port)) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(100)
    front.process.terminate()
    _, logged = front.process.communicate(timeout=60)

    assert answer.startswith(b"HTTP/1.0 400 ")
    assert logged == "clickhouse stopping\n"


@pytest.mark.usefixtures("_libraries_pass_through")
def test_a_traceback_that_nobody_caught_is_harmless(capsys):
    """A defect of ours repeats what it fell over."""
    try:
        fail(f"{ESCAPES} {SECRET}")
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)

    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert hidden_in(said) == []
    assert said.endswith("http://node/x\n")


def test_a_status_line_is_harmless():
    """Its source's name and state stand in it."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    StatusLine(terminal).show(ESCAPES)

    assert terminal.getvalue() == "\r\x1b[2K\\x1b]0;owned\\x07\\u202e\\x9b2J"


def test_plain_lines_are_harmless(capsys):
    """One stays one, several of ours stay several; addresses on standard output stay whole."""
    say(f"a\nb {ESCAPES}")
    say_lines(f"a\n{ESCAPES}\nhttp://node/x?y=1")
    say(SECRET, err=True)

    said = capsys.readouterr()
    assert hidden_in(said.out) == []
    assert said.out.splitlines()[0].startswith(r"a\nb \x1b")
    assert said.out.splitlines()[1::2] == ["a", "http://node/x?y=1"]
    assert said.err == "http://node/x\n"


def test_help_does_not_show_the_password_of_the_environment(monkeypatch):
    """It shows what the default is."""
    monkeypatch.setenv("GIGAWATT_CLICKHOUSE", "http://me:secret@node:8123")
    done = gigawatt("top", "--help")

    assert "http://node:8123" in done.stdout
    assert "secret" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["produce", "dcgm", "--to", f"x{ESCAPES}"], 2),
        (["produce", "auto", "--only", f"x{ESCAPES}"], 1),
        (["produce", "replay", f"/no/{ESCAPES}", "--to", "-"], 1),
        (["produce", f"x{ESCAPES}"], 2),
        (["migrate", "--fleet-file", f"/no/{ESCAPES}"], 1),
        (["top", f"--{ESCAPES}"], 2),
        (["status", "--kafka", f"{ESCAPES}"], 1),
    ],
)
def test_what_is_wrong_with_a_command_is_said_harmlessly(arguments, status):
    """File names and values come from elsewhere, too, and are repeated."""
    done = gigawatt(*arguments)

    assert done.returncode == status
    assert r"\u202e" in done.stderr
    assert hidden_in(done.stderr + done.stdout) == []
    assert "Traceback" not in done.stderr


def test_an_exporter_s_labels_reach_no_terminal():
    """Rows with such labels stay here, which is said once with the reason; the others are told as JSON."""
    row = 'DCGM_FI_DEV_POWER_USAGE{gpu="%d",UUID="GPU-%d%s",modelName="NVIDIA H100 80GB HBM3",Hostname="n"} 100\n'
    body = "".join(row % (gpu, gpu, ESCAPES * (gpu == 1)) for gpu in range(3)).encode()
    with serving(Exporter(body)) as exporter:
        done = gigawatt("produce", "dcgm", "--url", f"{exporter.url}?ticket=secret", "--once", "--to", "-")

    assert done.returncode == 0
    assert [json.loads(line)["chip"] for line in done.stdout.splitlines()] == ["GPU-0", "GPU-2"]
    assert done.stderr.count("bad_label") == 1
    assert r"label chip GPU-1\\x1b]0;owned" in done.stderr  # structlog quotes the reason, and its backslashes
    assert hidden_in(done.stdout + done.stderr) == []


def test_an_exporter_s_error_reaches_no_terminal():
    """Nor does a query of its address."""
    exporter = Exporter()
    exporter.respond = lambda handler: handler.wfile.write(b"HTTP/1.1 500 \x1b]0;owned\x07\x1b[2J\r\n\r\n")
    with serving(exporter):
        done = gigawatt("produce", "dcgm", "--url", f"{exporter.url}?ticket=secret", "--once", "--to", "-")

    assert done.returncode == 1
    assert rf"gigawatt: {exporter.url} answered 500 \x1b]0;owned" in done.stderr
    assert hidden_in(done.stderr) == []
    assert "secret" not in done.stderr

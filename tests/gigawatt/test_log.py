"""Log lines as JSON: of ours, of libraries, and the last one; nothing secret or hidden in any."""

import io
import json
import logging
import subprocess
import sys

import pytest
import structlog

from gigawatt import log
from schema.settings import LOG_LEVELS
from tests.gigawatt.running import gigawatt
from tests.producers.exporter import Exporter, serving

SECRET = "http://me:secret@node/x?ticket=secret"  # noqa: S105  what must not be seen

PROGRAM = """
import logging, sys
from gigawatt import log
from schema.errors import GigawattError
from schema.harmless import make_libraries_harmless
make_libraries_harmless()
with log.logging_to_stderr("json", "warning"):
    import structlog
    structlog.get_logger().info("not at this level")
    structlog.get_logger().warning("seen", url="http://me:secret@node/x", count=3)
    try:
        raise ValueError("http://me:secret@node/y")
    except ValueError:
        logging.getLogger("library").exception("failed at %s", "http://me:secret@node/z")
    raise {error}
"""


def lines_of(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert "secret" not in done.stderr
    return done.returncode, [json.loads(line) for line in done.stderr.splitlines()]


def test_every_line_is_an_object():
    """With the same keys, whoever speaks; what ends the command, too."""
    status, (seen, library, last) = lines_of(
        PROGRAM.format(error="GigawattError('cannot go on: http://me:secret@node')")
    )

    assert status == 1
    assert (seen["event"], seen["level"], seen["url"], seen["count"]) == ("seen", "warning", "http://node/x", 3)
    assert (library["event"], library["level"], library["logger"]) == ("failed at http://node/z", "error", "library")
    assert "ValueError: http://node/y" in library["exception"]
    assert (last["event"], last["level"]) == ("cannot go on: http://node", "critical")
    assert all(line["timestamp"].endswith("Z") for line in (seen, library, last))


def test_a_defect_is_an_object_with_its_traceback():
    status, (*_, last) = lines_of(PROGRAM.format(error="KeyError('http://me:secret@node/k')"))

    assert status == 1
    assert last["event"] == "unexpected error, a bug in Gigawatt; please report it"
    assert "KeyError: 'http://node/k'" in last["exception"]


@pytest.mark.parametrize(
    ("error", "status"), [("click.UsageError('no http://me:secret@node')", 2), ("kafka.errors.KafkaError('no')", 1)]
)
def test_an_error_that_is_no_defect_is_one_line(error, status):
    """Of the command line, or of a server that went away."""
    found, (*_, last) = lines_of("import click, kafka.errors\n" + PROGRAM.format(error=error))

    assert (found, last["level"], "exception" in last) == (status, "critical", False)
    assert "no" in last["event"]


def test_what_is_told_with_an_event_is_harmless_in_json_too():
    to = io.StringIO()
    logger = structlog.wrap_logger(structlog.PrintLogger(to), processors=log.json_processors())
    logger.warning("read\n\x1b[2J", url=SECRET, several=[SECRET], error=ValueError(SECRET), nothing=None)

    told = json.loads(to.getvalue())
    assert told["event"] == "read\\n\\x1b[2J"
    assert (told["url"], told["error"], told["nothing"]) == ("http://node/x", "http://node/x", None)
    assert "secret" not in to.getvalue()


@pytest.mark.parametrize("how", [["--log-format", "json"], {"GIGAWATT_LOG_FORMAT": "json"}])
def test_a_producer_logs_as_it_is_told(how):
    """By flag or variable."""
    exporter = Exporter()
    exporter.respond = lambda handler: handler.wfile.write(b"HTTP/1.1 500 no\r\n\r\n")
    arguments, env = (how, None) if isinstance(how, list) else ([], how)
    with serving(exporter):
        done = gigawatt("produce", "dcgm", "--url", exporter.url, "--once", "--to", "-", *arguments, env=env)

    (line,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert line["event"] == f"{exporter.url} answered 500 no"


@pytest.mark.parametrize(("flag", "value"), [("--log-format", "xml"), ("--log-level", "loud"), ("--metrics", "node")])
def test_a_mistake_in_a_flag_is_told_before_anything_starts(flag, value):
    done = gigawatt("produce", "simulated", "--to", "-", flag, value)

    assert done.returncode == 2
    assert value in done.stderr


def test_levels_are_known_to_logging():
    assert set(LOG_LEVELS) <= {name.lower() for name in logging.getLevelNamesMapping()}

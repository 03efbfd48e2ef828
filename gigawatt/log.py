"""Log lines of the commands that run for long: one event a line, as plain text or as JSON, on standard error.

What others wrote stands in nearly every line: labels, errors of exporters and of servers, last words of children. It
is made harmless here, where it leaves.
"""

import io
import json
import logging
import logging.config
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import click
import structlog

from schema.errors import GigawattError
from schema.harmless import write_traceback
from schema.printable import safe_line
from schema.settings import LOG_FORMATS

LINES, JSON = LOG_FORMATS
_CLIENTS: Final = ("clickhouse_connect", "kafka", "urllib3")


def configure(form: str = LINES, level: str = "info", *, verbose: bool = False, in_columns: bool = False) -> None:
    """Write structlog's events from a level on, and libraries' errors, to standard error; with `verbose` more.

    Plain lines may be laid out in columns, for who reads along.
    """
    structlog.configure(
        processors=_processors(form, in_columns=in_columns),
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else _number(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(libraries(form, verbose=verbose))
    tell_of_clients(verbose=verbose)


@contextmanager
def logging_to_stderr(form: str, level: str, *, verbose: bool = False, in_columns: bool = False) -> Iterator[None]:
    """Log so until the block ends. As JSON, what ends the command is a line of JSON, too; that ends the process."""
    configure(form, level, verbose=verbose, in_columns=in_columns)
    try:
        yield
    except Exception as error:
        if form != JSON:
            raise
        line = _for_the_operator(error)
        if line is None:
            structlog.get_logger().critical("unexpected error, a bug in Gigawatt; please report it", exc_info=True)
        else:
            structlog.get_logger().critical(line)
        sys.exit(error.exit_code if isinstance(error, click.ClickException) else 1)


def _for_the_operator(error: Exception) -> str | None:
    """Return the line of an error that is no defect: one of ours, of the command line, or of a server that is away."""
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, GigawattError) or type(error).__module__.split(".")[0] in _CLIENTS:
        return (str(error).splitlines() or [type(error).__name__])[0]
    return None


def log_to_stderr() -> None:
    """Log plain lines until it is known how to; the Kafka client's own lines would say everything twice."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)
    structlog.configure(processors=processors("iso"), logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def processors(time_format: str, **layout: Any) -> list[Callable[..., Any]]:
    """Return structlog's processors for lines on standard error."""
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt=time_format, utc=True),
        harmless,
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=write_traceback, **layout),
    ]


def json_processors() -> list[Callable[..., Any]]:
    """Return structlog's processors for a line as a JSON object: `event`, `level`, `timestamp` and the other fields."""
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        harmless,
        structlog.processors.ExceptionRenderer(_traceback),
        structlog.processors.JSONRenderer(),
    ]


def _processors(form: str, *, in_columns: bool) -> list[Callable[..., Any]]:
    if form == JSON:
        return json_processors()
    return processors("iso") if in_columns else processors("%Y-%m-%dT%H:%M:%S", pad_event_to=0, pad_level=False)


def _traceback(exc_info: Any) -> str:
    text = io.StringIO()
    write_traceback(text, exc_info)
    return text.getvalue().strip()


def harmless(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make all that is logged with an event harmless; a processor of structlog's."""
    for key, value in event.items():
        if value is not None and not isinstance(value, (bool, int, float)) and key != "exc_info":
            event[key] = safe_line(value)
    return event


def libraries(form: str, *, verbose: bool) -> dict[str, Any]:
    """Return how libraries log, as `logging.config` takes it: their errors alone, unless `verbose`."""
    lines = {"format": "%(asctime)s %(name)s %(levelname)s %(message)s"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"ours": {"()": _JsonFormatter} if form == JSON else lines},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "formatter": "ours"}},
        "root": {"level": "INFO" if verbose else "ERROR", "handlers": ["stderr"]},
    }


class _JsonFormatter(logging.Formatter):
    """Writes a record as structlog writes an event; what is in it is harmless already (`schema.harmless`)."""

    def format(self, record: logging.LogRecord) -> str:
        told_of = {
            "event": record.getMessage(),
            "logger": record.name,
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        if record.exc_text:
            told_of["exception"] = record.exc_text
        return json.dumps(told_of)


def _number(level: str) -> int:
    return int(logging.getLevelNamesMapping()[level.upper()])


def tell_of_clients(*, verbose: bool) -> None:
    """Let the libraries that talk to servers log, or not: they report every attempt, where we tell what is missing."""
    for client in _CLIENTS:
        logging.getLogger(client).setLevel(logging.NOTSET if verbose else logging.CRITICAL + 1)

"""Log lines of the commands: plain, one event a line, on standard error.

What others wrote stands in nearly every line: labels, errors of exporters and of servers, last words of children. It
is made harmless here, where it leaves.
"""

import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import structlog

from schema.harmless import write_traceback
from schema.printable import told

_CLIENTS: Final = ("clickhouse_connect", "kafka", "urllib3")


def configure(*, verbose: bool = False) -> None:
    """Write structlog's events, and libraries' warnings, as plain lines to standard error."""
    structlog.configure(
        processors=processors("%Y-%m-%dT%H:%M:%S", pad_event_to=0, pad_level=False),
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if verbose else logging.ERROR,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
    )
    tell_of_clients(verbose=verbose)


def log_to_stderr() -> None:
    """Log plain lines to standard error; the Kafka client's own lines would say everything twice."""
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


def harmless(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make all that is told with an event harmless; a processor of structlog's."""
    for key, value in event.items():
        if value is not None and not isinstance(value, (bool, int, float)) and key != "exc_info":
            event[key] = told(value)
    return event


def tell_of_clients(*, verbose: bool) -> None:
    """Let the libraries that talk to servers log, or not: they tell of every attempt, where we tell what is missing."""
    for client in _CLIENTS:
        logging.getLogger(client).setLevel(logging.NOTSET if verbose else logging.CRITICAL + 1)

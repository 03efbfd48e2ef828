"""Log lines of the commands: plain, one event a line, on standard error."""

import logging
import sys

import structlog


def configure(*, verbose: bool = False) -> None:
    """Write structlog's events, and libraries' warnings, as plain lines to standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%S", utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0, pad_level=False),
        ],
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


def tell_of_clients(*, verbose: bool) -> None:
    """Let the libraries that talk to servers log, or not: they tell of every attempt, where we tell what is missing."""
    for client in ("clickhouse_connect", "kafka", "urllib3"):
        logging.getLogger(client).setLevel(logging.NOTSET if verbose else logging.CRITICAL + 1)

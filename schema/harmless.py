"""What is nobody's own line and reaches standard error all the same: what libraries log, and tracebacks.

It is made harmless here, in every process of ours; structlog's events are in `gigawatt.log`, for the commands that log.
"""

import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any, TextIO

from schema.printable import printable_lines, safe_line, without_secrets


def make_libraries_harmless() -> None:
    """Have whatever libraries log, and tracebacks that nobody catches, pass through here, whoever formats them."""
    usual = logging.getLogRecordFactory()

    def record_of(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = usual(*arguments, **named)
        record.msg, record.args = safe_line(_message_of(record)), ()
        if record.exc_info and record.exc_info[0]:
            record.exc_text = _traceback(*record.exc_info)  # a formatter takes it for its own
        return record

    logging.setLogRecordFactory(record_of)
    logging.getLogger("aiohttp.server").addFilter(_is_of_ours)
    sys.excepthook = _last_words
    threading.excepthook = lambda arguments: _last_words(
        arguments.exc_type, arguments.exc_value, arguments.exc_traceback
    )


def _is_of_ours(record: logging.LogRecord) -> bool:
    """Say whether what a server logs is more than that a request could not be read.

    Its client is answered; a traceback for each would fill the log, with lines of the request in it: a password's, too.
    """
    error = record.exc_info[1] if record.exc_info else None
    return not type(error).__module__.startswith("aiohttp.http_exceptions")


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  a library's mistake in a line of a log is to stop nobody
        return str(record.msg)


def _last_words(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if sys.stderr is not None and kind is not SystemExit:
        sys.stderr.write(_traceback(kind, error, trace))
        sys.stderr.write("\n")


def write_traceback(stream: TextIO, exc_info: Any) -> None:
    """Write what structlog has of an exception below its event."""
    stream.write("\n" + _traceback(*exc_info))


def _traceback(kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> str:
    text = "".join(traceback.format_exception(kind, error, trace)).rstrip("\n")
    return printable_lines(without_secrets(text))

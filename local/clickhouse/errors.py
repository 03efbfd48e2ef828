"""An error of the engine, and how the ClickHouse HTTP protocol tells it."""

import re

_CODE = re.compile(r"Code: (\d+)\. DB::")
RAISED = (RuntimeError, UnicodeDecodeError)
"""What chDB raises for an error of the engine: the second when the text is not UTF-8."""

BAD_ARGUMENTS = 36
SYNTAX_ERROR = 62
NOT_IMPLEMENTED = 48
UNKNOWN_SETTING = 115
TIMEOUT_EXCEEDED = 159
READONLY = 164
WRONG_PASSWORD = 193
UNKNOWN_USER = 192
TOO_MANY_SIMULTANEOUS_QUERIES = 202
QUERY_IS_TOO_LARGE = 66
MEMORY_LIMIT_EXCEEDED = 241
CANNOT_DECOMPRESS = 271
INTO_OUTFILE_NOT_ALLOWED = 358
SETTING_CONSTRAINT_VIOLATION = 452
ACCESS_DENIED = 497
TOO_MANY_ROWS_OR_BYTES = 396
AUTHENTICATION_FAILED = 516
UNKNOWN_EXCEPTION = 1002

# As ClickHouse maps its codes; every other code is a 500.
_STATUS_OF_CODE = {
    194: 401,
    **dict.fromkeys((UNKNOWN_USER, WRONG_PASSWORD, ACCESS_DENIED, AUTHENTICATION_FAILED), 403),
    **dict.fromkeys((6, 25, 26, 27, BAD_ARGUMENTS, 38, 41, 53, SYNTAX_ERROR, 72, 117, 167, 168, 321, 376, 467), 400),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, UNKNOWN_SETTING, 336), 404),
    TIMEOUT_EXCEEDED: 408,
    QUERY_IS_TOO_LARGE: 413,
    NOT_IMPLEMENTED: 501,
    **dict.fromkeys((76, 209, TOO_MANY_SIMULTANEOUS_QUERIES), 503),
}


class EngineError(Exception):
    """A statement failed; `code` is ClickHouse's, the text reads `Code: N. DB::Exception: ... (NAME)`."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code

    @property
    def http_status(self) -> int:
        """The HTTP status that ClickHouse gives to this code."""
        return _STATUS_OF_CODE.get(self.code, 500)


def refusal(code: int, name: str, text: str) -> EngineError:
    """Make an error of the front itself, worded as the engine words its own."""
    return EngineError(f"Code: {code}. DB::Exception: {text} ({name})", code)


def from_engine(error: Exception) -> EngineError:
    """Read the engine's text: drop what the Python binding wrote before `Code:`, find the code."""
    text = _text(error)
    match = _CODE.search(text)
    if not match:
        return refusal(UNKNOWN_EXCEPTION, "UNKNOWN_EXCEPTION", text)
    return EngineError(text[match.start() :], int(match[1]))


def _text(error: BaseException) -> str:
    """Give the engine's text, of which chDB may have made an error of its own for a byte that is not UTF-8."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UnicodeDecodeError):
            return cause.object.decode("utf-8", "replace")
        cause = cause.__cause__ or cause.__context__
    return str(error)


def without_scope(error: EngineError) -> EngineError:
    """Drop what an error says of the front's own query around a statement that it parsed."""
    text = re.sub(
        r": (?:In scope SELECT|While processing) formatQuerySingleLine\(.*(?= \([A-Z_]+\))",
        "",
        str(error),
        flags=re.DOTALL,
    )
    return EngineError(text, error.code)

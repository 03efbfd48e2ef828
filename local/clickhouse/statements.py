"""What the front must know of a statement: where inserted data begins, and what comes out."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"""
    (?P<skip>   \s+ | --[^\n]* | \#[\ !][^\n]* | /\*.*?\*/ )
  | (?P<quoted> '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `(?:[^`\\]|\\.)*` )
  | (?P<word>   [A-Za-z_]\w* )
  | (?P<open>   [(\[{] )
  | (?P<close>  [)\]}] )
  | (?P<other>  \d[\w.]* | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_FORMAT_AT_END = re.compile(rb"\bFORMAT\s+(\w+)\s*;?\s*\Z", re.IGNORECASE)
# A format name ends the statement; data follows after blanks and at most one line end, as in ClickHouse.
_DATA_GAP = re.compile(rb"[ \t\f]*;?[ \t\f]*\r?\n?")
_INSERTED_SQL = frozenset({b"VALUES", b"SELECT", b"WITH", b"FROM", b"WATCH"})
_FILE_CLAUSES = re.compile(rb"\b(?:OUT|IN)FILE\b", re.IGNORECASE)

# Each block of these is complete by itself, so the blocks of a result can be sent one after the other.
STREAMABLE = frozenset(
    {
        *("Native", "RowBinary", "JSONEachRow", "JSONLines", "NDJSON", "JSONCompactEachRow"),
        *("TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "CSV"),
    }
)
# Words that add rows before or after the blocks of a streamable format.
_UNSTREAMABLE = re.compile(rb"\b(?:totals|extremes|rollup|cube|insert)\b|array_of_rows", re.IGNORECASE)


@dataclass(frozen=True)
class Insert:
    """An INSERT whose data follows the statement.

    `head` is the statement without its FORMAT clause, `has_settings` tells whether a SETTINGS clause ends it.
    The data begins at byte `data_start` of the text.
    """

    head: bytes
    input_format: str
    has_settings: bool
    data_start: int


def keyword(sql: bytes) -> str:
    """Give the first word of a statement in capitals; "(" for a bracketed query, "" for none."""
    for token in _TOKEN.finditer(sql):
        if token.lastgroup == "word":
            return token[0].upper().decode("ascii", "replace")
        if token.lastgroup != "skip":
            return token[0].decode("ascii", "replace")
    return ""


def insert_target(sql: bytes) -> Insert | None:
    """Find the data of an INSERT; None for any other statement and for inserted VALUES or queries.

    Scans no further than the statement's own end, so data of any size may follow it.
    """
    if keyword(sql) != "INSERT":
        return None
    depth = 0
    has_settings = False
    format_at = -1
    for token in _TOKEN.finditer(sql):
        kind = token.lastgroup
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
        elif kind == "word" and depth == 0:
            word = token[0].upper()
            if format_at >= 0:
                gap = _DATA_GAP.match(sql, token.end())
                return Insert(
                    head=sql[:format_at].rstrip(),
                    input_format=token[0].decode(),
                    has_settings=has_settings,
                    data_start=gap.end() if gap else token.end(),
                )
            if word in _INSERTED_SQL:
                return None
            if word == b"FORMAT":
                format_at = token.start()
            has_settings = has_settings or word == b"SETTINGS"
    return None


def output_format(sql: bytes, default: str) -> str:
    """Give the format that a statement's FORMAT clause names, else the default."""
    if b"--" not in sql and b"#" not in sql and (match := _FORMAT_AT_END.search(sql, max(0, len(sql) - 200))):
        return match[1].decode()
    if not re.search(rb"\bformat\b", sql, re.IGNORECASE):
        return default
    found, depth, previous = default, 0, b""
    for token in _TOKEN.finditer(sql):
        kind = token.lastgroup
        depth += (kind == "open") - (kind == "close")
        if kind == "word" and depth == 0 and previous == b"FORMAT":
            found = token[0].decode()
        if kind != "skip":
            previous = token[0].upper() if kind == "word" and depth == 0 else b""
    return found


def can_stream(sql: bytes, fmt: str) -> bool:
    """Tell whether a statement's result may be sent block by block."""
    return fmt in STREAMABLE and is_query(sql) and not _UNSTREAMABLE.search(sql)


def is_query(sql: bytes) -> bool:
    """Tell whether a statement begins as a query does."""
    return keyword(sql) in {"SELECT", "WITH", "FROM", "("}


def may_be_several(sql: bytes) -> bool:
    """Tell whether more than one statement may be in a text: whether anything but blanks follows a semicolon."""
    return b";" in sql.rstrip(b"; \t\r\n")


def names_a_file(sql: bytes) -> bool:
    """Tell whether a statement has an INTO OUTFILE or FROM INFILE clause outside of strings and comments."""
    if not _FILE_CLAUSES.search(sql):
        return False
    words = (token[0].upper() for token in _TOKEN.finditer(sql) if token.lastgroup == "word")
    return any(word in {b"OUTFILE", b"INFILE"} for word in words)


def calls(sql: bytes) -> set[str]:
    """Give the functions that a statement calls, in small letters: words before a bracket, quoted or not."""
    called, last = set(), b""
    for token in _TOKEN.finditer(sql):
        if token[0] == b"(" and last:
            called.add(last.lower().decode("ascii", "replace"))
        if token.lastgroup != "skip":
            last = token[0].strip(b'`"') if token.lastgroup in {"word", "quoted"} else b""
    return called

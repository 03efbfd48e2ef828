"""What the front must know of a statement: what kind it is and what comes out, and where inserted data begins.

What decides (kind, output format, calls, files) is read from the engine's own formatting of a statement, in which
comments, escapes, heredocs and odd blanks are gone. Only the end of an INSERT's head is looked for in the text as it
came, by somebody who may write anyway: data of any size follows it, which no parser should see.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from local.clickhouse.errors import QUERY_IS_TOO_LARGE, SYNTAX_ERROR, EngineError, refusal

Token = tuple[str, str]
"""Kind and text."""
INSERT_HEAD_BYTES = 64 << 10
# The engine's parser takes time by the square of open brackets: 10,000 take 3 s, 2,000 take 0.05 s, and nothing can
# stop it. The boards' statements have 170 at most.
_MOST_BRACKETS = 2048
# Each part ends at the latest with the text, so that none is looked for twice.
_TOKEN = re.compile(
    rb"""
    (?P<skip>   \s+ | --[^\n]* | \#[\ !][^\n]* | /\*(?:.*?\*/|.*) )
  | (?P<quoted> '(?:[^'\\]|\\.)*(?:'|\\?\Z) | "(?:[^"\\]|\\.)*(?:"|\\?\Z) | `(?:[^`\\]|\\.)*(?:`|\\?\Z) )
  | (?P<word>   [A-Za-z_]\w* )
  | (?P<open>   [(\[{] )
  | (?P<close>  [)\]}] )
  | (?P<other>  \d[\w.]* | . )
    """,
    re.VERBOSE | re.DOTALL,
)
# A format name ends the statement; data follows after blanks and at most one line end, as in ClickHouse.
_DATA_GAP = re.compile(rb"[ \t\f]*;?[ \t\f]*\r?\n?")
_INSERTED_SQL = frozenset({b"SELECT", b"WITH", b"FROM", b"WATCH"})

# Each block of these is complete by itself, so the blocks of a result can be sent one after the other.
STREAMABLE = frozenset(
    {
        *("Native", "RowBinary", "JSONEachRow", "JSONLines", "NDJSON", "JSONCompactEachRow"),
        *("TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "CSV"),
    }
)
_QUERIES = frozenset({"SELECT", "WITH", "FROM", "("})
_WITH_RESULT = _QUERIES | {"SHOW", "DESCRIBE", "EXISTS", "EXPLAIN"}
_SESSION = frozenset({"SET", "USE"})
# Words that add rows before or after the blocks of a streamable format.
_UNSTREAMABLE = frozenset({"TOTALS", "EXTREMES", "ROLLUP", "CUBE", "INSERT", "OUTPUT_FORMAT_JSON_ARRAY_OF_ROWS"})


def bounded(sql: bytes, most_bytes: int) -> bytes:
    """Return a statement that the engine's parser may see. Raises EngineError for one that is too large."""
    if len(sql) > most_bytes:
        raise _too_large(f"A statement may have at most {most_bytes >> 10} KiB.")
    if sum(map(sql.count, b"([{")) > _MOST_BRACKETS:
        raise _too_large(f"A statement may have at most {_MOST_BRACKETS:,} brackets.")
    return sql


def _too_large(text: str) -> EngineError:
    return refusal(QUERY_IS_TOO_LARGE, "QUERY_IS_TOO_LARGE", text)


@dataclass(frozen=True)
class Form:
    """A single statement as the engine formats it, in one line; it came as `sql`."""

    sql: bytes
    formatted: str

    @cached_property
    def tokens(self) -> list[Token]:
        """Kind and text of each token; a quoted name (kind "name") is without its quotes."""
        return [
            _token(str(match.lastgroup), match[0].decode("utf-8", "replace"))
            for match in _TOKEN.finditer(self.formatted.encode())
            if match.lastgroup != "skip"
        ]

    @cached_property
    def words(self) -> frozenset[str]:
        """All words outside of quotes, in capitals."""
        return frozenset(text.upper() for kind, text in self.tokens if kind == "word")

    @cached_property
    def keyword(self) -> str:
        """The first word in capitals; "(" for a bracketed query."""
        return self.tokens[0][1].upper() if self.tokens else ""

    @property
    def is_query(self) -> bool:
        """Whether it is a query, which leaves its connection as it was."""
        return self.keyword in _QUERIES

    @property
    def has_result(self) -> bool:
        """Whether even an empty answer has a format."""
        return self.keyword in _WITH_RESULT

    @property
    def is_plain(self) -> bool:
        """Whether the connection stays as it was."""
        return self.has_result or self.keyword == "INSERT"

    @property
    def is_session_part(self) -> bool:
        """Whether a later request of the same HTTP session must see what it did."""
        return self.keyword in _SESSION

    @property
    def only_reads(self) -> bool:
        """Whether a user who may only read may run it.

        `SET x = DEFAULT` is none such: ClickHouse 25.8 takes back even `readonly` that way, against its constraints.
        Nor is `SET profile = x` or such a SETTINGS clause, which exchanges a user's bounds for those of any other.
        """
        if self.keyword in _SESSION:
            second = self.tokens[1][1].upper() if len(self.tokens) > 1 else ""
            only_sets = second not in {"ROLE", "DEFAULT", "TRANSACTION"} and not self._takes_back_a_setting
            return only_sets and not self._sets_a_profile
        return (
            self.keyword in _WITH_RESULT
            and "PARALLEL" not in self.words
            and not self._takes_back_a_setting
            and not self._sets_a_profile
        )

    @property
    def _takes_back_a_setting(self) -> bool:
        pairs = zip(self.tokens, self.tokens[1:], strict=False)
        return any(one[1] == "=" and kind == "word" and text.upper() == "DEFAULT" for one, (kind, text) in pairs)

    @property
    def _sets_a_profile(self) -> bool:
        behind = {"SET", "SETTINGS", ","} if self.words & {"SET", "SETTINGS"} else ()
        threes = zip(self.tokens, self.tokens[1:], self.tokens[2:], strict=False)
        return any(
            one.upper() in behind and kind in {"word", "name"} and text.lower() == "profile" and three == "="
            for (_, one), (kind, text), (_, three) in threes
        )

    @property
    def stores_into(self) -> str:
        """Database and table of an INSERT that names a table, with a dot between; "" for any other statement.

        A table without its database begins with the dot.
        """
        texts = [text for _, text in self.tokens[:6]]
        if [text.upper() for text in texts[:2]] != ["INSERT", "INTO"] or len(texts) < 3:  # noqa: PLR2004
            return ""
        place = 3 if texts[2].upper() == "TABLE" and self.tokens[2][0] == "word" else 2
        if self.tokens[place][0] not in {"word", "name"} or texts[place].upper() == "FUNCTION":
            return ""
        named = texts[place : place + 3]
        return f"{named[0]}.{named[2]}" if named[1:2] == ["."] and len(named) == 3 else f".{named[0]}"  # noqa: PLR2004

    @property
    def names_a_file(self) -> bool:
        """Whether it has an INTO OUTFILE or FROM INFILE clause."""
        return not self.words.isdisjoint({"OUTFILE", "INFILE"})

    @property
    def makes_temporary(self) -> bool:
        """Whether it creates something that lives as long as a connection."""
        return self.keyword in {"CREATE", "REPLACE"} and "TEMPORARY" in self.words

    def output_format(self, default: str) -> str:
        """Give the format that its FORMAT clause names, else the default."""
        found, depth, after_format = default, 0, False
        for kind, text in self.tokens:
            depth += (kind == "open") - (kind == "close")
            if after_format and kind in {"word", "name"}:
                found = text
            after_format = depth == 0 and kind == "word" and text.upper() == "FORMAT"
        return found

    def can_stream(self, fmt: str) -> bool:
        """Tell whether the result may be sent block by block."""
        return fmt in STREAMABLE and self.is_query and self.words.isdisjoint(_UNSTREAMABLE)

    @cached_property
    def handed_on(self) -> frozenset[str]:
        """The names that stand first or alone in brackets, in small letters: a function's stands there for a lambda."""
        threes = zip(self.tokens, self.tokens[1:], self.tokens[2:], strict=False)
        return frozenset(
            text.lower()
            for (_, before), (kind, text), (_, after) in threes
            if before == "(" and kind in {"word", "name"} and after in {",", ")"}
        )

    @cached_property
    def applied(self) -> frozenset[str]:
        """The functions that it hands on by name (APPLY), in small letters."""
        found, applied = set(), False
        for kind, text in self.tokens:
            if applied and kind in {"word", "name"}:
                found.add(text.lower())
            applied = (kind == "word" and text.upper() == "APPLY") or (applied and text == "(")
        return frozenset(found)

    @cached_property
    def calls(self) -> frozenset[str]:
        """The functions and table functions that it calls or hands on by name (APPLY), in small letters."""
        pairs = zip(self.tokens, self.tokens[1:], strict=False)
        called = {text.lower() for (kind, text), (_, after) in pairs if after == "(" and kind in {"word", "name"}}
        return self.applied | called


def _token(kind: str, text: str) -> Token:
    if kind == "quoted" and text[0] != "'":
        return "name", re.sub(r"\\(.)", r"\1", text[1:-1])
    return kind, text


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


def insert_target(sql: bytes, *, whole: bool) -> Insert | None:
    """Find the data of an INSERT, of VALUES too; None for any other statement and for inserted queries.

    Scans no further than the statement's own end, so data of any size may follow it. Unless the text is `whole`, None
    means as well that its end is still to come. Raises EngineError for a head that is too large.
    """
    words = _words_of_head(sql)
    if next(words, (0, 0, b""))[2] != b"INSERT":
        return None
    has_settings = False
    format_at = -1
    for start, end, word in words:
        if format_at >= 0:
            # The name of a format, unless more of it is to come.
            return _target(sql, format_at, (start, end), has_settings) if whole or end < len(sql) else None
        if word == b"VALUES":
            return _target(sql, start, (start, end), has_settings)
        if word in _INSERTED_SQL:
            return None
        format_at = start if word == b"FORMAT" else -1
        has_settings = has_settings or word == b"SETTINGS"
    if len(sql) > INSERT_HEAD_BYTES:
        text = f"The data of an INSERT begins within its first {INSERT_HEAD_BYTES >> 10} KiB."
        raise refusal(SYNTAX_ERROR, "SYNTAX_ERROR", text)
    return None


def _words_of_head(sql: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Give start, end and capitals of the words outside of brackets and quotes; what begins otherwise has none."""
    depth, first = 0, True
    for token in _TOKEN.finditer(sql, 0, INSERT_HEAD_BYTES):
        kind = token.lastgroup
        if first and kind not in {"skip", "word"}:
            return
        first = first and kind == "skip"
        depth += (kind == "open") - (kind == "close")
        if kind == "word" and depth == 0:
            yield token.start(), token.end(), token[0].upper()


def _target(sql: bytes, head_end: int, name: tuple[int, int], has_settings: bool) -> Insert:  # noqa: FBT001  a private call
    gap = _DATA_GAP.match(sql, name[1])
    fmt = sql[slice(*name)].decode()
    return Insert(
        head=sql[:head_end].rstrip(),
        input_format="Values" if fmt.upper() == "VALUES" else fmt,
        has_settings=has_settings,
        data_start=gap.end() if gap else name[1],
    )

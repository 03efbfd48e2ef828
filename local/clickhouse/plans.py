"""What is to be done for one request: decided from its statement before the engine sees it."""

import re
from dataclasses import dataclass

from local.clickhouse import statements
from local.clickhouse.errors import INTO_OUTFILE_NOT_ALLOWED, NOT_IMPLEMENTED, SYNTAX_ERROR, refusal
from local.clickhouse.protocol import Request

_TEMPORARY = re.compile(rb"\s*CREATE\s+(?:OR\s+REPLACE\s+)?TEMPORARY\b", re.IGNORECASE)
# Statements that leave a connection as it was.
_QUERIES = frozenset({"SELECT", "WITH", "FROM", "("})
_WITH_RESULT = _QUERIES | {"SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN"}
_PLAIN = _WITH_RESULT | {"INSERT"}


@dataclass(frozen=True)
class Plan:
    """A statement of which no data follows.

    `fmt` is the output format; `has_result` tells whether an empty answer still has one. `stream`: the result
    may be sent in blocks. `plain`: the connection stays as it was. `several`: more than one statement may be
    in it. `query`: it only reads, so it may be stopped when nobody waits for it. `session_part`: a later
    request of the same HTTP session must see what it did.
    """

    sql: bytes
    fmt: str
    has_result: bool
    stream: bool
    plain: bool
    several: bool
    query: bool
    session_part: bool


def plan_of(sql: bytes, request: Request) -> Plan:
    """Decide how to run a statement. Raises EngineError for what the front refuses."""
    if statements.names_a_file(sql):
        text = "INTO OUTFILE and FROM INFILE would touch the server's own files and are not allowed."
        raise refusal(INTO_OUTFILE_NOT_ALLOWED, "INTO_OUTFILE_NOT_ALLOWED", text)
    if _TEMPORARY.match(sql):
        text = "Temporary tables are not kept between requests: use an ordinary table."
        raise refusal(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", text)
    keyword = statements.keyword(sql)
    if not keyword:
        raise refusal(SYNTAX_ERROR, "SYNTAX_ERROR", "Syntax error: Empty query.")
    fmt = statements.output_format(sql, request.default_format)
    return Plan(
        sql=sql,
        fmt=fmt,
        has_result=keyword in _WITH_RESULT,
        stream=statements.can_stream(sql, fmt),
        plain=keyword in _PLAIN,
        several=statements.may_be_several(sql),
        query=keyword in _QUERIES,
        session_part=keyword in {"SET", "USE"},
    )


def deduplication_token(request: Request) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Take the deduplication token out of the settings: it differs by request, the rest hardly ever does."""
    rest = tuple(item for item in request.settings if item[0] != "insert_deduplication_token")
    return dict(request.settings).get("insert_deduplication_token", ""), rest

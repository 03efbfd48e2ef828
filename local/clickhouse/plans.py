"""What is to be done for one request: decided from the engine's own reading of its statement."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from local.clickhouse.config import User
from local.clickhouse.errors import (
    ACCESS_DENIED,
    INTO_OUTFILE_NOT_ALLOWED,
    NOT_IMPLEMENTED,
    READONLY,
    refusal,
)
from local.clickhouse.protocol import Request
from local.clickhouse.statements import Form

_NOT_COUNTED = "ORC"


@dataclass(frozen=True)
class Plan:
    """A statement of which no data follows.

    `fmt` is the output format; `has_result` tells whether an empty answer still has one. `stream`: the result
    may be sent in blocks. `plain`: the connection stays as it was. `query`: it only reads, so it may be stopped when
    nobody waits for it. `session_part`: a later request of the same HTTP session must see what it did.
    """

    sql: bytes
    fmt: str
    has_result: bool
    stream: bool
    plain: bool
    query: bool
    session_part: bool


def plan_of(
    form: Form, request: Request, user: User, *, read_only: bool, closed: tuple[AbstractSet[str], AbstractSet[str]]
) -> Plan:
    """Decide how to run a statement.

    `closed` are the functions that nobody may call, and those of them that who only reads may not hand on either: the
    engine takes a bare name for a lambda, as in `arrayMap(file, ...)`. Both in small letters.

    Raises EngineError for what this user must not do, and for what nobody can.
    """
    if form.names_a_file:
        text = "INTO OUTFILE and FROM INFILE would touch the server's own files and are not allowed."
        raise refusal(INTO_OUTFILE_NOT_ALLOWED, "INTO_OUTFILE_NOT_ALLOWED", text)
    if read_only and not form.only_reads:
        raise refusal(READONLY, "READONLY", f"{user.name}: Cannot execute query in readonly mode.")
    called = form.calls & closed[0]
    if read_only:
        named = (
            {value.strip('`"').lower() for value in request.params.values()} if "IDENTIFIER" in form.words else set()
        )
        called |= closed[1] & (form.handed_on | named)
    if called:
        text = f"{user.name}: Not enough privileges to call {', '.join(sorted(called))}."
        raise refusal(ACCESS_DENIED, "ACCESS_DENIED", text)
    if form.makes_temporary:
        text = "Temporary tables do not outlive a request; use an ordinary table."
        raise refusal(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", text)
    fmt = form.output_format(request.default_format)
    if read_only and fmt.upper() == _NOT_COUNTED:
        text = f"{user.name}: the format {fmt} is not supported: it uses memory that no limit counts."
        raise refusal(ACCESS_DENIED, "ACCESS_DENIED", text)
    return Plan(
        sql=form.sql,
        fmt=fmt,
        has_result=form.has_result,
        stream=form.can_stream(fmt),
        plain=form.is_plain,
        query=form.is_query,
        session_part=form.is_session_part,
    )


def deduplication_token(request: Request) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Take the deduplication token out of the settings: it differs by request, the rest hardly ever does."""
    rest = tuple(item for item in request.settings if item[0] != "insert_deduplication_token")
    return dict(request.settings).get("insert_deduplication_token", ""), rest

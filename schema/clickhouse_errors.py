"""Why ClickHouse does not do what it was asked, in one line that tells the operator what to change."""

import re
from typing import Final

from schema import tls
from schema.passwords import FILE_VARIABLE

ADDRESS_VARIABLE: Final = "GIGAWATT_CLICKHOUSE"
FILES: Final = tls.Named("GIGAWATT_CLICKHOUSE_CA", "GIGAWATT_CLICKHOUSE_CERTIFICATE", "GIGAWATT_CLICKHOUSE_KEY")
"""What the files of TLS are called in the environment."""

_RIGHT: Final = re.compile(
    r"(?:Code: 497\. DB::Exception: )(?P<user>[^\s:]+): Not enough privileges\. .*?"
    r"(?:the grants?|of these grants) (?P<right>.+?) ON (?P<what>\S+?)(?=[.,]?(?:\s|\Z))",
    re.DOTALL,
)
_COLUMNS: Final = re.compile(r"\([^()]*\)")
_READS_ALONE: Final = re.compile(r"Code: 164\. DB::Exception: (?:(?P<user>[^\s:]+): )?Cannot execute query in readonly")
_NOT_LET_IN: Final = re.compile(r"Code: (?:516|194|193|192)\. DB::Exception: (?:(?P<user>[^\s:]+): )?")
_STATUS: Final = re.compile(r"HTTP status (\d+)")
_NO_ANSWER: Final = re.compile(
    r"RemoteDisconnected|closed connection without response|BadStatusLine|Connection reset by peer|\\x15\\x03"
)


def refused(error: BaseException) -> str:
    """Return what ClickHouse keeps its user from, and what to do; "" for any other error."""
    text = str(error)
    if found := _RIGHT.search(text):
        right = _COLUMNS.sub("", found["right"])
        return (
            f"ClickHouse's user {found['user']} has no right to {right} on {found['what']}; connect as another user "
            f"({ADDRESS_VARIABLE}), or grant the right with: gigawatt migrate --users DIR"
        )
    if found := _READS_ALONE.search(text):
        whose = f"ClickHouse's user {found['user']}" if found["user"] else "This user of ClickHouse"
        return f"{whose} may only read; connect as another user ({ADDRESS_VARIABLE})"
    if found := _NOT_LET_IN.search(text):
        who = f"its user {found['user']}" if found["user"] else "this user"
        return (
            f"ClickHouse rejects the login of {who}: wrong password or unknown user; check user and password in "
            f"{ADDRESS_VARIABLE}, or {FILE_VARIABLE}"
        )
    return ""


def in_words(error: BaseException) -> str:
    """Return `refused`, or what is wrong with TLS, of an error of ClickHouse's client; "" for any other."""
    if not type(error).__module__.startswith("clickhouse_connect."):
        return ""
    said = _of_tls(error)
    return refused(error) or (said and f"ClickHouse {said}")


def _of_tls(error: BaseException) -> str:
    refusal = tls.error_in(error)
    if refusal is None:
        return ""
    said = tls.untrusted(refusal, FILES) or tls.alert(refusal, FILES) or f"TLS failed: {refusal}"
    return said[:300]


def answered(error: BaseException) -> bool:
    """Say whether an error is what a server answered, ClickHouse or not."""
    return "DB::Exception" in str(error) or _STATUS.search(str(error)) is not None


def unreachable(address: str, error: BaseException, *, secure: bool) -> str:
    """Say what is wrong with an address: ClickHouse rejects, TLS does, something else is there, or nothing is."""
    if said := refused(error):
        return f"{address}: {said}"
    text = str(error)
    if "DB::Exception" in text:
        variables = f"{ADDRESS_VARIABLE}, or {FILE_VARIABLE}"
        return f"ClickHouse at {address} rejects the request ({why(error)}); check user and password in {variables}"
    if status := _STATUS.search(text):
        return (
            f"{address} is not a ClickHouse server (HTTP status {status[1]}); "
            "set the HTTP address of ClickHouse with --clickhouse or GIGAWATT_CLICKHOUSE"
        )
    if said := _of_tls(error):
        return f"ClickHouse at {address} {said}"
    if _NO_ANSWER.search(text):
        # Some servers say nothing where they do not take a certificate.
        hint = (
            f"it may require a client certificate ({FILES.certificate}), or another one"
            if secure
            else f"if it serves https there, write https:// in {ADDRESS_VARIABLE}"
        )
        return f"ClickHouse at {address} closed the connection without an answer; {hint}"
    return f"ClickHouse at {address} does not answer ({why(error)}); start it, or change {ADDRESS_VARIABLE}"


def why(error: BaseException) -> str:
    """Return what ClickHouse keeps its user from, what is wrong with TLS, or the innermost cause in a few words."""
    if said := in_words(error):
        return said
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    return (str(error).splitlines() or [type(error).__name__])[0][:160]

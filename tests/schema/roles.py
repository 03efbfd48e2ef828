"""A role of `schema.rights` on the engine itself, and what commands ask, as it crosses the wire.

The embedded engine knows one user, `default`: here that name has the role's rights, as a users' file gives them.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from local.clickhouse.binding import parameter_statement
from local.clickhouse.place import DATA
from schema.rights import Role
from tests.engine import environment
from tests.foreign.relay import Relay, relayed

CHECKOUT = Path(__file__).parents[2]
_HEAD = re.compile(rb"(?:GET|POST) (\S+) HTTP/1\.1\r\n(.*?)\r\n\r\n", re.DOTALL)
_LENGTH = re.compile(rb"(?i)content-length: (\d+)")
_CHUNK = re.compile(rb"([0-9a-fA-F]+)\r\n")
_INSERT = re.compile(r"(INSERT INTO .*?) FORMAT \w+", re.DOTALL)

Asked = list[str]
"""Statements that belong together: those that set parameters, and the one that has them."""


def users_file(role: Role) -> str:
    """Return the users' file of a server that gives its user `default` the rights of a role."""
    bounds = "".join(
        f"<{name}><min>{one.least}</min><max>{one.most}</max></{name}>" for name, one in role.bounds.items()
    )
    settings = "".join(f"<{name}>{one.value}</{name}>" for name, one in role.bounds.items())
    readonly = f"<readonly>{role.readonly}</readonly>" if role.readonly else ""
    grants = "".join(f"<query>GRANT {rights} ON {what}</query>" for rights, what in role.granted())
    return (
        f"<clickhouse><profiles><default>{readonly}{settings}<constraints>{bounds}</constraints></default></profiles>"
        "<users><default><password></password><networks><ip>::/0</ip></networks><profile>default</profile>"
        f"<quota>default</quota><grants>{grants}</grants></default></users><quotas><default/></quotas></clickhouse>"
    )


def answers(front: Path, scratch: Path, role: Role, asked: Sequence[Asked], *, oldest: bool) -> list[str]:
    """Run statements as a role on the data of a front that has ended; return why each failed, "" where it did not."""
    scratch.mkdir()
    (scratch / "users.xml").write_text(users_file(role))
    (scratch / "config.xml").write_text(f"<clickhouse><users_config>{scratch}/users.xml</users_config></clickhouse>")
    done = subprocess.run(
        [sys.executable, "-m", "tests.schema.as_role", front / DATA, scratch / "config.xml"],
        input=json.dumps([["USE gigawatt"], *asked]), env=environment(oldest=oldest) | {"TZ": "UTC"},
        capture_output=True, text=True, check=False, timeout=200, cwd=CHECKOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[1:]


@contextmanager
def recorded(port: int) -> Iterator[tuple[str, list[Asked]]]:
    """Give an address before a front, and a list that holds at the end what was asked there, each once."""
    asked: list[Asked] = []
    with relayed(port) as relay:
        yield f"127.0.0.1:{relay.port}", asked
    asked += [list(one) for one in dict.fromkeys(tuple(each) for each in _asked(relay))]


def _asked(relay: Relay) -> Iterator[Asked]:
    for crossed in map(bytes, relay.asked):
        place = 0
        while head := _HEAD.match(crossed, place):
            body, place = _body(head, crossed)
            yield _statements(head[1].decode(), body)
        assert place == len(crossed), crossed[place : place + 200]


def _body(head: re.Match[bytes], crossed: bytes) -> tuple[bytes, int]:
    """Return a request's body and where the next request begins."""
    place, body = head.end(), b""
    if b"chunked" not in head[2]:
        length = _LENGTH.search(head[2])
        end = place + (int(length[1]) if length else 0)
        return crossed[place:end], end
    while chunk := _CHUNK.match(crossed, place):
        end = chunk.end() + int(chunk[1], 16)
        body, place = body + crossed[chunk.end() : end], end + 2
        if end == chunk.end():
            break
    return body, place


def _statements(target: str, body: bytes) -> Asked:
    url = dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
    in_url = url.get("query", "")
    if insert := _INSERT.match(in_url or body[:4096].decode(errors="replace")):
        # The right to insert these columns is asked for with any data; a row of defaults is one.
        return [f"{insert[1]} FORMAT JSONEachRow {{}}"]
    set_before = [parameter_statement(name[6:], value) for name, value in url.items() if name.startswith("param_")]
    return [*set_before, in_url or body.decode()]

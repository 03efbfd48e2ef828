"""Runs the page's statements at ClickHouse: as a user who may only read, a few at a time, each within bounds."""

import asyncio
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp

from dashboards.page.queries import Prepared
from schema.clickhouse import DATABASE, ClickHouseAwayError, address_of, login_of, trust_of
from schema.clickhouse_errors import unreachable
from schema.settings import clickhouse_address

_LONGEST_S: Final = 15
_SETTINGS: Final = {
    "default_format": "JSONColumnsWithMetadata",
    "date_time_output_format": "unix_timestamp",
    "output_format_json_quote_64bit_integers": "0",
    "max_execution_time": str(_LONGEST_S),
    "max_result_rows": "200000",
    "max_result_bytes": str(16 << 20),
    "result_overflow_mode": "throw",
    "wait_end_of_query": "1",  # an error then has its status, and never stands in the middle of a result
    "cancel_http_readonly_queries_on_client_close": "1",
}
_ERROR: Final = re.compile(r"Code: \d+\. DB::Exception: (.*?)(?: \(version [^)]*(?:\([^)]*\))?\))?\s*$", re.DOTALL)
_LONGEST_ERROR: Final = 400


class BusyError(Exception):
    """More is waiting already than would be answered in any useful time."""


@dataclass(frozen=True)
class Answer:
    """What ClickHouse said to one statement: JSON (columns with their types), or why there is none."""

    body: bytes = b""
    error: str = ""


class Store:
    """ClickHouse at `url` (with its user), for one event loop. At most `at_once` statements run, `waiting` wait."""

    def __init__(
        self, url: str, *, at_once: int = 4, waiting: int = 256, environment: Mapping[str, str] = os.environ
    ) -> None:
        parts = clickhouse_address(url)
        self._address = address_of(parts)
        self._url = f"{parts.scheme}://{self._address}/"
        self._login, self._trust = login_of(parts, environment), trust_of(parts, environment)
        self._turns = asyncio.Semaphore(at_once)
        self._at_once = at_once
        self._most = self._room = at_once + waiting
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_LONGEST_S + 5, connect=5),
            connector=aiohttp.TCPConnector(limit=at_once),
        )

    @property
    def busy(self) -> tuple[int, int]:
        """How many statements run, and how many wait."""
        asked = self._most - self._room
        return min(asked, self._at_once), max(asked - self._at_once, 0)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def run(self, statement: Prepared) -> Answer:
        """Run one statement; when the task is cancelled, ClickHouse stops too.

        What is wrong with the statement is in the answer. Raises `ClickHouseAwayError`, and `BusyError`.
        """
        if statement.error:
            return Answer(error=statement.error)
        if self._room <= 0:
            raise BusyError("too many queries are waiting; retry later")
        self._room -= 1
        try:
            async with self._turns:
                return await self._asked(statement.sql)
        finally:
            self._room += 1

    async def _asked(self, sql: str) -> Answer:
        try:
            async with self._session.post(
                self._url,
                params={"database": DATABASE, **_SETTINGS},
                data=sql.encode(),
                headers=self._login.headers(),
                ssl=self._trust.context() if self._trust else True,
                allow_redirects=False,
            ) as response:
                body = await response.read()
        except TimeoutError:
            return Answer(error=f"no answer within {_LONGEST_S} s; choose a shorter time range")
        except aiohttp.ClientError as error:
            secure = self._trust is not None
            raise ClickHouseAwayError(unreachable(self._address, error, secure=secure)) from error
        if response.status == 200:  # noqa: PLR2004  OK
            return Answer(body)
        text = body.decode("utf-8", "replace").strip()
        match = _ERROR.search(text)
        return Answer(error=(match[1] if match else text or f"HTTP status {response.status}")[:_LONGEST_ERROR])


def framed(interval_ms: int, prepared: list[Prepared], answers: list[Answer]) -> bytes:
    """Return the JSON of a whole answer, with ClickHouse's own put in as it came: nothing is parsed on the way."""
    frames = []
    for statement, answer in zip(prepared, answers, strict=True):
        head = json.dumps({"refId": statement.ref_id, "format": statement.format, "sql": statement.sql})[:-1].encode()
        tail = b', "error": ' + json.dumps(answer.error).encode() if answer.error else b', "data": ' + answer.body
        frames.append(head + tail + b"}")
    return b'{"interval_ms": %d, "frames": [%b]}' % (interval_ms, b",\n".join(frames))

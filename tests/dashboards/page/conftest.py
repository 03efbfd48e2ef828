"""The page with an engine of its own that holds a small fleet, once for all tests of the folder."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from dashboards.live.reader import SummaryReader
from dashboards.page import boards, server
from schema.clickhouse import connect
from tests import engine as engines
from tests.dashboards.page.boards import UID, small
from tests.dashboards.page.browser import executable, launched
from tests.dashboards.page.seeding import Seeded, trouble

CHIPS = 300
MINUTES = 4
TROUBLED_S = 150


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engines.Engine]:
    """Give an engine with some minutes of a small fleet up to now."""
    engine = engines.start(tmp_path_factory.mktemp("page"))
    client = engine.migrated_client()
    end_s = int(time.time())
    whole_s = (end_s - TROUBLED_S) // 60 * 60 - 1
    fleet = Seeded(lambda: connect(engine.url), chips=CHIPS)
    fleet.play(whole_s - 60 * MINUTES, whole_s)
    fleet.miss()
    fleet.play(whole_s, end_s, beside=trouble(client, whole_s, end_s), seconds_a_commit=1)
    client.close()
    yield engine
    engines.stop(engine)


class Address(str):  # noqa: SLOT000  it has one
    """The address of a page, and the end of the newest sample that it has, in epoch milliseconds."""

    newest_ms: int


@pytest.fixture(scope="session")
def newest_ms(seeded: engines.Engine) -> int:
    """Give the end of the newest sample, in epoch milliseconds."""
    with connect(seeded.url) as client:
        return int(client.query("SELECT toUnixTimestamp64Milli(max(newest_ts)) FROM ingest_blocks").first_row[0])


@pytest.fixture(scope="session")
def then(newest_ms: int) -> str:
    """Give five minutes up to ten seconds after the newest sample, as addresses have a range."""
    return f"from={newest_ms - 290_000}&to={newest_ms + 10_000}"


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give where pictures are kept: GIGAWATT_SCREENSHOTS, or a directory that is soon gone."""
    folder = Path(os.environ.get("GIGAWATT_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run a browser; where there is none, tests are skipped. Its driver's event loop must not outlast the module."""
    if (path := executable()) is None:
        pytest.skip("there is no Chromium or Chrome; GIGAWATT_BROWSER can name one")
    with sync_playwright() as playwright:
        started = launched(playwright, path)
        yield started
        started.close()


@contextmanager
def running(
    clickhouse: str,
    *,
    found: Any = None,
    alerts: Callable[[], Any] | None = None,
    outside: server.Outside | None = None,
) -> Iterator[str]:
    """Serve the page in a thread, and give its address."""
    reader = SummaryReader(lambda: connect(clickhouse, timeout_s=5))
    loop, started, end = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    ports: list[int] = []

    async def serve() -> None:
        serving = server.serving(reader.read, clickhouse, "127.0.0.1", 0, found=found, alerts=alerts, outside=outside)
        async with serving as port:
            ports.append(port)
            started.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert started.wait(20)
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(20)
        loop.close()


@pytest.fixture(scope="session")
def all_boards() -> dict[str, boards.Board]:
    """Give the dashboards that are checked in, and a small one."""
    return {**boards.load(), UID: small()}


@pytest.fixture(scope="session")
def page(seeded: engines.Engine, newest_ms: int, all_boards: dict[str, boards.Board]) -> Iterator[Address]:
    """Give the address of a page over the small fleet, read as the user who may only read."""
    with running(seeded.url.replace("http://", "http://grafana@"), found=all_boards) as address:
        found = Address(address)
        found.newest_ms = newest_ms
        yield found

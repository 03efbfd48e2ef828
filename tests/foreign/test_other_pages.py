"""A page of another origin, and one under a rebound name, can neither read nor write: real browser, real servers.

The attacker even knows the owner's password: what stops him is that the servers tell his page from this machine's own.
"""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import urllib3
from playwright.sync_api import Browser, sync_playwright

from dashboards.page.boards import Board
from schema.migrate import upgrade
from tests.dashboards.page.boards import UID, small
from tests.dashboards.page.browser import executable, launched, tab
from tests.dashboards.page.conftest import running
from tests.foreign.relay import Relay, relayed
from tests.local.clickhouse.conftest import Front, start, wait_until

SECRET = "a-word-that-nobody-may-read"  # noqa: S105  what is looked for
ATTACK = (Path(__file__).parent / "attack.js").read_text("utf-8").partition("*/")[2]
NAMES = ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "localhost.example", "127.0.0.1.")
ANY = "0.0.0.0"  # noqa: S104  nothing listens there
SPELLINGS = (
    *("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "017700000001"),
    *(ANY, "localhost.", "127.0.0.1.", "a.localhost", "[::ffff:127.0.0.1]", *NAMES),
)
# Whatever the browser itself would keep from this machine goes out, so that the servers alone are judged.
FLAGS = (
    f"--host-resolver-rules={','.join(f'MAP {name} 127.0.0.1' for name in (*NAMES, 'a.localhost'))}",
    "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,HttpsUpgrades",
    "--disable-popup-blocking",
)
MAY_STAY = {"service-worker", "redirect-302", "redirect-307"}
"""Not every page has a service worker, and under a rebound name there is nobody left to redirect."""
FEW = """({ read, write, told }) => Promise.all([
    [read + "get", {}], [read + "post", { method: "POST" }], [write + "write", { method: "POST", body: told }],
].map(async ([address, how]) => {
    const mode = new URL(address, location).origin === location.origin ? "cors" : "no-cors";
    try {
        const answer = await fetch(address, { mode, ...how });
        return { status: answer.status, text: await answer.text() };
    } catch (error) {
        return { status: 0, text: String(error) };
    }
}))"""


@dataclass
class Target:
    """One of our servers behind a relay, and how it is asked; `query_id` ends each address."""

    relay: Relay
    read: str
    write: str
    asked: str
    told: str
    followed: frozenset[str] = frozenset()
    """Attempts that are a followed link, which whoever follows it sees alone."""

    def attacked(self, own: str, at: str) -> dict[str, str]:
        """Return what the script is given; `at` is the server's name and port as the attacker writes them."""
        return {"own": own, "read": f"http://{at}{self.read}", "write": f"http://{at}{self.write}"} | {
            "asked": self.asked,
            "told": self.told,
        }


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run a browser that takes the attacker's names for this machine."""
    if (path := executable()) is None:
        pytest.skip("there is no Chromium or Chrome; GIGAWATT_BROWSER can name one")
    with sync_playwright() as playwright:
        started = launched(playwright, path, *FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Run a front whose table holds the secret."""
    front = start(tmp_path_factory.mktemp("foreign") / "data")
    with front.client() as client:
        upgrade(client)
    front.ask("CREATE TABLE secrets (word String) ENGINE = MergeTree ORDER BY word")
    front.ask(f"INSERT INTO secrets SELECT '{SECRET}'")
    yield front
    front.stop()


@pytest.fixture(scope="module")
def page(store: Front) -> Iterator[str]:
    """Serve a page whose dashboard holds the secret, and asks for it."""
    model = dict(small().model)
    model["title"] = SECRET
    model["templating"] = {
        "list": [{"name": "word", "type": "query", "query": {"rawSql": "SELECT word FROM local.secrets"}}]
    }
    with running(f"http://grafana@127.0.0.1:{store.port}", found={UID: Board(model)}) as address:
        yield address


@pytest.fixture(scope="module")
def targets(store: Front, page: str) -> Iterator[dict[str, Target]]:
    """Put a relay before the front and one before the page's server."""
    who = urlencode({"query": "SELECT word FROM secrets", **store.owner})
    insert = urlencode({"query": "INSERT INTO secrets SELECT 'written'", **store.owner})
    ask = json.dumps({"board": UID, "variable": "word", "from": 0, "to": 1000, "points": 10, "variables": {}})
    with relayed(store.port) as front, relayed(urlsplit(page).port) as server:
        boards = f"/api/boards/{UID}?query_id="
        yield {
            "front": Target(front, f"/?{who}&query_id=", f"/?{insert}&query_id=", "", "-- told"),
            "page": Target(server, boards, "/api/query?query_id=", ask, ask, frozenset({"window"})),
        }


def has_ipv6() -> bool:
    """Say whether anybody can listen on ::1."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def stands(store: Front) -> tuple[bytes, bytes]:
    """Return all rows and all tables."""
    tables = store.ask("SELECT database, name FROM system.tables WHERE database != 'system' ORDER BY ALL")
    return store.ask("SELECT word FROM secrets ORDER BY word").data, tables.data


def names_of(target: Target) -> dict[str, set[int]]:
    """Return by attempt with which statuses the server answered."""
    found: dict[str, set[int]] = {}
    for _, asked, status in target.relay.exchanges():
        if name := parse_qs(urlsplit(asked).query).get("query_id"):
            found.setdefault(name[0], set()).add(status)
    return found


def attack(browser: Browser, target: Target, own: str, at: str) -> dict[str, str]:
    """Load the attacker's page from `own`, let it try everything on `at`, and return what it and its frames saw."""
    target.relay.forget()
    context = browser.new_context()
    try:
        opened = context.new_page()
        opened.goto(f"{own}/attack")
        seen: dict[str, str] = opened.evaluate(ATTACK, {**target.attacked(own, at), "patience": 1_000})
        wait_until(lambda: names_of(target).keys() >= seen.keys() - MAY_STAY)
    finally:
        context.close()
    return seen


def test_a_client_that_is_no_browser_reads_and_writes_with_the_same_addresses(
    store: Front, targets: dict[str, Target], page: str
):
    """What is rejected below is rejected for its page alone."""
    front, query = targets["front"], targets["page"]
    at = f"http://127.0.0.1:{front.relay.port}"
    assert urllib3.request("GET", f"{at}{front.read}one").data == f"{SECRET}\n".encode()
    assert urllib3.request("POST", f"{at}{front.write}two", body=front.told).status == 200
    assert stands(store)[0] == f"{SECRET}\nwritten\n".encode()
    store.ask("ALTER TABLE secrets DELETE WHERE word = 'written' SETTINGS mutations_sync = 1")
    answer = urllib3.request(
        "POST", f"{page}{query.write}three", body=query.asked, headers={"Content-Type": "application/json"}
    )
    assert SECRET.encode() in answer.data


@pytest.mark.parametrize("which", ["front", "page"])
@pytest.mark.parametrize("origin", ["evil.example", "127.0.0.1", "localhost", "[::1]"])
def test_a_page_of_another_origin_gets_nothing(
    browser: Browser, store: Front, targets: dict[str, Target], which: str, origin: str
):
    """By no means that a browser has: neither from another site nor from another port of this machine."""
    if origin == "[::1]" and not has_ipv6():
        pytest.skip("this machine has no address ::1")
    target, before = targets[which], stands(store)
    with relayed(host="::1" if origin == "[::1]" else "127.0.0.1") as evil:
        seen = attack(browser, target, f"http://{origin}:{evil.port}", f"127.0.0.1:{target.relay.port}")

    assert SECRET not in str(seen)
    statuses = [status for name, found in names_of(target).items() if name not in target.followed for status in found]
    assert set(statuses) == {403}
    assert target.followed or not target.relay.crossed(SECRET)
    assert stands(store) == before


@pytest.mark.parametrize("which", ["front", "page"])
def test_a_page_under_a_rebound_name_gets_nothing(
    browser: Browser, store: Front, targets: dict[str, Target], which: str
):
    """The browser takes server and page for one origin, and lets the page read all answers: each is a 403."""
    target, before = targets[which], stands(store)
    own = f"evil.example:{target.relay.port}"
    seen = attack(browser, target, f"http://{own}", own)

    assert any("does not name this machine" in text for text in seen.values())
    assert {status for _, _, status in target.relay.exchanges()} == {403}
    assert SECRET not in str(seen)
    assert not target.relay.crossed(SECRET)
    assert stands(store) == before


@pytest.mark.parametrize("which", ["front", "page"])
@pytest.mark.parametrize("name", ["127.0.0.1.evil.example", "localhost.evil.example", "localhost.", ANY])
def test_no_name_passes_for_this_machine_s_own(
    browser: Browser, store: Front, targets: dict[str, Target], which: str, name: str
):
    """Not one that begins like it, not one with a dot at its end, and not the address that means any."""
    target, before = targets[which], stands(store)
    target.relay.forget()
    context = browser.new_context()
    try:
        opened = context.new_page()
        opened.goto(f"http://{name}:{target.relay.port}/attack")
        seen = opened.evaluate(FEW, {"read": target.read, "write": target.write, "told": target.told})
    finally:
        context.close()

    assert [answer["status"] for answer in seen] == [403, 403, 403]
    assert {status for _, _, status in target.relay.exchanges()} == {403}
    assert not target.relay.crossed(SECRET)
    assert stands(store) == before


@pytest.mark.parametrize("which", ["front", "page"])
def test_no_spelling_of_the_address_lets_a_page_of_another_origin_in(
    browser: Browser, store: Front, targets: dict[str, Target], which: str
):
    """The browser writes most of them as 127.0.0.1, and none passes."""
    target, before = targets[which], stands(store)
    target.relay.forget()
    context = browser.new_context()
    with relayed() as evil:
        try:
            opened = context.new_page()
            opened.goto(f"http://evil.example:{evil.port}/attack")
            for name in SPELLINGS:
                at = f"http://{name}:{target.relay.port}"
                asked = {"read": f"{at}{target.read}", "write": f"{at}{target.write}", "told": target.told}
                assert SECRET not in str(opened.evaluate(FEW, asked))
        finally:
            context.close()

    assert [status for _, _, status in target.relay.exchanges()] == [403] * 3 * len(SPELLINGS)
    assert not target.relay.crossed(SECRET)
    assert stands(store) == before


def test_a_link_of_another_site_leads_to_a_dashboard(browser: Browser, page: str, tmp_path: Path):
    """Whoever follows it sees the dashboard, whose own requests are answered."""
    with relayed() as evil, tab(browser, f"http://evil.example:{evil.port}", tmp_path) as one:
        one.page.goto(f"{one.address}/attack")
        one.page.evaluate("address => { document.querySelector('a').href = address; }", f"{page}/d/{UID}")
        one.page.click("a")
        one.until_drawn()

        assert SECRET in one.page.locator("body").inner_text()
        assert one.page.evaluate("fetch('/api/boards').then(answer => answer.status)") == 200

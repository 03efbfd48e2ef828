import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families

from dashboards.page.boards import LANDING_UID, load
from dashboards.preview import Alert
from schema.clickhouse import connect
from tests import engine as engines
from tests.dashboards.page.boards import UID, small
from tests.dashboards.page.conftest import Address, running
from tests.dashboards.page.seeding import Seeded
from tests.local.clickhouse.conftest import wait_until


def get(url: str, **headers: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", url, headers=headers, retries=False, timeout=60)


def ask(page: str, *, headers: dict[str, str] | None = None, **body: Any) -> urllib3.BaseHTTPResponse:
    """Ask for a panel over a quarter of an hour, up to a minute after the newest sample where that is known."""
    newest_ms = page.newest_ms if isinstance(page, Address) else int(time.time() * 1000)
    whole = {"board": UID, "from": newest_ms - 900_000, "to": newest_ms + 60_000, "points": 300, **body}
    given = {"Content-Type": "application/json"} if headers is None else headers
    return urllib3.request(
        "POST", f"{page}/api/query", body=json.dumps(whole), headers=given, retries=False, timeout=60
    )


def frame(answer: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    assert answer.status == 200, answer.data
    (only,) = answer.json()["frames"]
    return only


def column(answer: urllib3.BaseHTTPResponse, name: str) -> list[Any]:
    return frame(answer)["data"]["data"][name]


def test_a_panels_query_answers_in_columns_with_types(page: str):
    answer = ask(page, panel=2, variables={"site": ["$__all"]})

    types = {one["name"]: one["type"] for one in frame(answer)["data"]["meta"]}
    assert types == {"time": "DateTime('UTC')", "series": "LowCardinality(String)", "power_w": "Float64"}
    assert set(column(answer, "series")) == {"belgium", "iowa", "oregon", "virginia"}
    assert column(answer, "time") == sorted(column(answer, "time"))


def test_an_interval_is_grafanas_for_the_points_that_can_be_drawn(page: str):
    assert ask(page, panel=2, points=300, variables={"site": "$__all"}).json()["interval_ms"] == 2_000
    assert ask(page, panel=2, points=100, variables={"site": "$__all"}).json()["interval_ms"] == 10_000


def test_variables_choose_rows(page: str):
    answer = ask(page, panel=2, variables={"site": ["iowa", "oregon"]})

    assert set(column(answer, "series")) == {"iowa", "oregon"}


def test_variables_and_annotations_are_asked_for_by_name(page: str):
    assert column(ask(page, variable="site"), "site") == ["belgium", "iowa", "oregon", "virginia"]
    assert column(ask(page, annotation="Changes"), "text") == ["one more rack"]


@pytest.mark.parametrize("site", ["x') OR 1=1 OR site IN ('", "x\\') OR 1=1 --", "x\\"])
def test_a_value_stays_a_value(page: str, site: str):
    """Quotes and backslashes end no text: nothing is of such a site, and nothing is wrong with the query."""
    assert column_or_nothing(ask(page, panel=4, variables={"site": [site]})) == []


def column_or_nothing(answer: urllib3.BaseHTTPResponse) -> list[Any]:
    assert "error" not in frame(answer), frame(answer)
    return frame(answer)["data"]["data"].get("site", [])


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"board": "other"}, "unknown dashboard"),
        *(({"board": value}, "unknown dashboard") for value in (["x"], {"x": 1}, 1, True, None, 1.5, "x" * 10_000)),
        ({"panel": 99}, "unknown panel"),
        *(({"panel": value}, "unknown panel") for value in ([1], {"x": 1}, None, 1e300)),
        ({"variable": ["x"]}, "unknown panel"),
        ({"annotation": {"x": 1}}, "unknown panel"),
        *(({"panel": 1, "from": value}, "from must be a number") for value in ([1], {}, 1e300, True)),
        ({"variable": "model"}, "unknown panel"),
        ({"panel": 1, "from": 5, "to": 4}, "time range"),
        ({"panel": 1, "from": 0, "to": 10**12}, "time range"),
        ({"panel": 1, "from": "now"}, "from must be a number"),
        ({"panel": 1, "points": True}, "points must be a number"),
        ({"panel": 1, "variables": ["site"]}, "an object"),
        ({"panel": 1, "variables": {"site": [1]}}, "a string"),
        ({"panel": 1, "variables": {"site": ["x"] * 1001}}, "up to 1000"),
        ({"panel": 1, "variables": {"site": "x" * 257}}, "longer than 256"),
        ({"panel": 1, "variables": {"site": "$__timeFilter(x)"}}, "is not allowed"),
        ({"panel": 3, "variables": {"top": "5 OFFSET 1"}}, "cannot be"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(page: str, body: dict[str, Any], why: str):
    answer = ask(page, **body if {"variable", "annotation"} & body.keys() else {"panel": 1, **body})

    assert answer.status == 400
    assert why in answer.json()["error"]


def test_sql_of_a_client_is_never_run(page: str):
    answer = ask(page, panel=1, rawSql="SELECT 1 AS mine", sql="SELECT 1 AS mine", variables={"site": "$__all"})

    assert "mine" not in frame(answer)["data"]["data"]


def test_bodies_that_are_no_request_are_refused(page: str):
    for body in (b"", b"[]", b"{", b"[" * 100_000, b"\xff"):
        answer = urllib3.request(
            "POST", f"{page}/api/query", body=body, headers={"Content-Type": "application/json"}, retries=False
        )
        assert answer.status == 400, body[:10]
    for coding in ("gzip", "deflate"):
        headers = {"Content-Type": "application/json", "Content-Encoding": coding}
        answer = urllib3.request("POST", f"{page}/api/query", body=b"no such thing", headers=headers, retries=False)
        assert answer.status == 415
    assert ask(page, headers={"Content-Type": "text/plain"}, panel=1).status == 415


def test_an_error_of_a_query_is_of_its_panel(page: str):
    answer = ask(page, panel=7)

    assert "not_there" in frame(answer)["error"]
    assert "DB::Exception" not in frame(answer)["error"]


def test_a_variable_that_is_taken_as_it_is_must_be_plain(seeded: engines.Engine):
    """A text of whoever looks, which a query does not quote, is a number or a name and nothing else."""
    model = dict(small().model)
    model["templating"] = {"list": [{"name": "top", "type": "textbox"}]}
    board = replace(small(), model=model)
    with running(seeded.url, found={UID: board}) as address:
        assert ask(address, panel=3, variables={"top": "2"}).status == 200
        assert ask(address, panel=3, variables={"top": "2 UNION ALL SELECT 1"}).status == 400


def test_only_this_machine_is_answered(page: str):
    """A name that resolves to loopback is another's page: so are requests that a page of elsewhere makes."""
    port = urlsplit(page).port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", "localhost:9999", "[::1]:80"):
        assert get(f"{page}/api/boards", Host=host).status == 200
    for host in (f"evil.example:{port}", "127.0.0.1.evil.example", "192.0.2.1", "[", ""):
        assert get(f"{page}/api/boards", Host=host).status == 403
    assert (
        ask(page, panel=1, headers={"Content-Type": "application/json", "Origin": "http://evil.example"}).status == 403
    )
    assert ask(page, panel=1, headers={"Content-Type": "application/json", "Origin": "null"}).status == 403
    assert ask(page, panel=1, headers={"Content-Type": "application/json", "Origin": page}).status == 200
    assert get(f"{page}/api/boards", Origin=f"http://127.0.0.1:{port + 1}").status == 403
    forwarded = {"Host": "localhost:9000", "Origin": "http://localhost:9000"}
    assert get(f"{page}/api/boards", **forwarded).status == 200


def test_answers_forbid_scripts_of_elsewhere(page: str):
    for path in ("/", "/d/small", "/static/app.js", "/api/boards", "/nowhere"):
        headers = get(page + path).headers
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["script-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in headers


def test_files_come_with_a_tag_and_nothing_else_comes(page: str):
    first = get(f"{page}/static/panels/stat.js")

    assert first.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert get(f"{page}/static/panels/stat.js", **{"If-None-Match": first.headers["ETag"]}).status == 304
    assert b"<main" in get(f"{page}/").data
    assert get(f"{page}/d/small/any-slug").status == 200
    for path in ("/static/../server.py", "/static/%2e%2e/server.py", "/static/panels", "/static/", "/.git/config"):
        assert get(page + path).status == 404


def packed_library(page: str) -> urllib3.BaseHTTPResponse:
    headers = {"Accept-Encoding": "gzip"}
    return urllib3.request("GET", f"{page}/plotly.min.js", headers=headers, preload_content=False, retries=False)


def test_the_chart_library_is_that_of_the_installed_package(page: str):
    plain = get(f"{page}/plotly.min.js")
    deadline = time.monotonic() + 60
    while "Content-Encoding" not in (packed := packed_library(page)).headers:
        assert time.monotonic() < deadline
    body = packed.read(decode_content=False)

    assert b"plotly.js v" in plain.data[:200]
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == plain.data
    assert get(f"{page}/plotly.min.js", **{"If-None-Match": plain.headers["ETag"]}).status == 304


def test_dashboards_are_listed_the_landing_one_first(page: str):
    entries = get(f"{page}/api/boards").json()

    assert entries[0]["uid"] == LANDING_UID
    assert {entry["uid"] for entry in entries} == {*load(), UID}
    assert get(f"{page}/api/boards/{UID}").json() == small().model
    assert get(f"{page}/api/boards/nothing").status == 404


def test_the_page_says_how_it_is(page: str):
    """That it lives, that the store answers, its own figures and those of fleets; its usual headers are with it."""
    for path in ("/healthz", "/readyz"):
        assert get(f"{page}{path}").data == b"ok\n"
    answer = get(f"{page}/metrics")
    families = {family.name: family for family in text_string_to_metric_families(answer.data.decode())}

    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert families["gigawatt_store_up"].samples[0].value == 1
    answered = {one.labels["status"]: one.value for one in families["gigawatt_page_requests"].samples}
    assert answered["200"] >= 2
    assert {"gigawatt_page_running_queries", "gigawatt_fleet_power_watts", "process_cpu_seconds"} <= families.keys()
    assert get(f"{page}/metrics", Host="rebound.example").status == 403


def test_the_summary_is_as_it_was(page: str):
    assert get(f"{page}/summary.json").json()["total"].keys() >= {"power_w", "budget_w", "coverage"}


def test_the_summary_is_of_now(tmp_path: Path):
    engine = engines.start(tmp_path / "engine")
    engine.migrated_client().close()
    now_s = int(time.time())
    Seeded(lambda: connect(engine.url), chips=40).play(now_s - 5, now_s)
    with running(engine.url) as address:
        total = get(f"{address}/summary.json").json()["total"]
    engines.stop(engine)

    assert total["power_w"] > 0


def test_alerts_are_those_of_whoever_knows_them(page: str, seeded: engines.Engine):
    alert = Alert("x", "X", "critical", "Alerting", True, {}, 0, 1.0, None, "W", "too much", "docs#x", "small", 1)
    assert get(f"{page}/api/alerts").json() == {"alerts": None}
    with running(seeded.url, found={}, alerts=lambda: ([alert], 75.04)) as address:
        answer = get(f"{address}/api/alerts").json()
        assert answer == {"alerts": [alert.as_json()], "alerts_left_out": 0, "age_s": 75.0}
    with running(seeded.url, found={}, alerts=lambda: None) as address:
        assert get(f"{address}/api/alerts").json() == {"alerts": [], "alerts_left_out": 0, "age_s": None}
    with running(seeded.url, found={}, alerts=lambda: ([alert] * 1000, 0.0)) as address:
        answer = get(f"{address}/api/alerts").json()
        assert (len(answer["alerts"]), answer["alerts_left_out"]) == (200, 800)


def test_a_store_that_is_away_is_said(all_boards: Any):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with running(url, found=all_boards) as address:
        answer = ask(address, panel=1)
        assert answer.status == 503
        assert "does not answer" in answer.json()["error"]
        assert get(f"{address}/healthz").status == 200
        assert (get(f"{address}/readyz").status, b"does not answer" in get(f"{address}/readyz").data) == (503, True)
        assert b"\ngigawatt_store_up 0.0\n" in get(f"{address}/metrics").data
        assert get(f"{address}/summary.json").status == 503


def test_a_client_that_goes_away_takes_its_query_with_it(seeded: engines.Engine):
    """The engine ends it before one that was asked for earlier, and whose client is still there."""
    model = dict(small().model)
    slow = "SELECT {}, sum(sleepEachRow(0.5)) FROM numbers(24) SETTINGS max_block_size = 1"
    model["panels"] = [
        {"id": number, "type": "stat", "targets": [{"rawSql": slow.format(number)}]} for number in (1, 2)
    ]
    client = connect(seeded.url)

    def run() -> tuple[int, ...]:
        of = ", ".join(f"countIf(query LIKE 'SELECT {number}, sum(sleepEachRow%')" for number in (1, 2))
        return tuple(client.query(f"SELECT {of} FROM system.processes").first_row)

    @contextmanager
    def asking(address: str, panel: int) -> Iterator[None]:
        body = json.dumps({"board": UID, "panel": panel, "from": 0, "to": 1000})
        head = "POST /api/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        with socket.create_connection(("127.0.0.1", urlsplit(address).port)) as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            yield

    with running(
        seeded.url.replace("http://", "http://grafana@"), found={UID: replace(small(), model=model)}
    ) as address:
        with asking(address, panel=1):
            wait_until(lambda: run() == (1, 0))
            with asking(address, panel=2):
                wait_until(lambda: run() == (1, 1))
            wait_until(lambda: run() == (1, 0))
        wait_until(lambda: run() == (0, 0))
    client.close()


def test_queries_run_a_few_at_a_time(seeded: engines.Engine):
    """Whoever asks for much waits in line, and is answered."""
    model = dict(small().model)
    model["panels"] = [{"id": 1, "type": "stat", "targets": [{"rawSql": "SELECT sleep(0.2) AS slept"}]}]
    statuses: list[int] = []
    with running(
        seeded.url.replace("http://", "http://grafana@"), found={UID: replace(small(), model=model)}
    ) as address:
        began = time.monotonic()
        threads = [threading.Thread(target=lambda: statuses.append(ask(address, panel=1).status)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert statuses == [200] * 12
    assert time.monotonic() - began >= 3 * 0.2

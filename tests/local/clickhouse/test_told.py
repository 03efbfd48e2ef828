"""What the front tells of itself, on its own port and without a login."""

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from tests.local.clickhouse.conftest import Front, wait_until


def test_the_front_says_how_it_is(front: Front):
    """It lives, its engine answers, and what it takes and serves is told though it is confined."""
    front.client().query("SELECT 1")
    for path in ("healthz", "readyz"):
        answer = front.fetch(path)
        assert (answer.status, answer.data) == (200, b"ok\n")
    answer = front.fetch("metrics")
    families = {family.name: family for family in text_string_to_metric_families(answer.data.decode())}

    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    answered = {one.labels["status"]: one.value for one in families["gigawatt_front_requests"].samples}
    assert answered["200"] >= 3
    lanes = {one.labels["lane"]: one.value for one in families["gigawatt_front_running_queries"].samples}
    assert {"default", "grafana", "page", "inserts"} <= lanes.keys()
    assert families["process_resident_memory_bytes"].samples[0].value > 50e6
    assert families["process_cpu_seconds"].samples[0].value > 0


def running(front: Front) -> float:
    families = text_string_to_metric_families(front.fetch("metrics").data.decode())
    (lanes,) = [family for family in families if family.name == "gigawatt_front_running_queries"]
    return sum(one.value for one in lanes.samples)


def test_a_query_that_runs_is_counted_while_it_does(front: Front):
    with front.hanging("SELECT sum(sleepEachRow(1)) FROM numbers(60) SETTINGS max_block_size = 1"):
        wait_until(lambda: running(front) == 1)
    wait_until(lambda: running(front) == 0)


def test_it_is_told_to_no_other_page(front: Front):
    url = f"http://127.0.0.1:{front.port}/metrics"
    for headers in ({"Host": "rebound.example"}, {"Origin": f"http://127.0.0.1:{front.port}"}):
        assert urllib3.request("GET", url, headers=headers, retries=False, timeout=60).status == 403

"""docs/metrics.md says what the real processes serve: every metric with its type and labels, in both directions."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

import pytest
import urllib3
import yaml
from prometheus_client.parser import text_string_to_metric_families

from dashboards.generate import FOLDER
from dashboards.prometheus_rules import PATH
from local.broker import Broker
from schema.kafka import KafkaAdmin
from tests import engine as engines
from tests.dashboards.page.conftest import running
from tests.gigawatt.running import gigawatt
from tests.stack import Stack, wait_for

DOCUMENT = (Path(__file__).parent.parent / "docs" / "metrics.md").read_text("utf-8")
PROMTOOL = os.environ.get("GIGAWATT_PROMTOOL") or shutil.which("promtool")
ROW = re.compile(r"^\| `(\w+)` \| (counter|gauge|histogram|summary) \| (.*?) \| .*\|$", re.MULTILINE)
OF_THE_FRONT = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"}
OWN = ("worker", "producer", "page", "front")


def documented(process: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Return type and labels of what a process should serve, by the document."""
    found = {}
    for name, kind, labels in ROW.findall(DOCUMENT):
        owner = next((one for one in OWN if name.startswith(f"gigawatt_{one}_")), "")
        if name.startswith("process_"):
            wanted = process != "front" or name in OF_THE_FRONT
        elif owner:
            wanted = owner == process
        else:
            wanted = process in ("exporter", "page")
        if wanted:
            found[name] = (kind, frozenset(re.findall(r"`(\w+)`", labels)))
    return found


def served(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Return type and labels of what was served; of what has no samples, none."""
    labels: dict[str, frozenset[str]] = defaultdict(frozenset)
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels[family.name] |= one.labels.keys() - {"le"}
    return {
        name: (kind, labels[name.removesuffix("_total") if kind == "counter" else name])
        for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str) -> tuple[int, str]:
    try:
        answer = urllib3.request("GET", url, retries=False, timeout=60)
    except urllib3.exceptions.HTTPError:
        return 0, ""
    return answer.status, answer.data.decode()


@pytest.fixture
def processes(stack: Stack):
    """Give the address of each process of a running stack; all are ready."""
    with ExitStack() as ends:
        addresses = {"front": stack.clickhouse, "page": ends.enter_context(running(stack.clickhouse, found={}))}
        for name, arguments in {
            "worker": ["worker", "--name", "w"],
            "producer": ["produce", "simulated", "--chips", "40"],
            "exporter": ["exporter"],
        }.items():
            port = free_port()
            command = [sys.executable, "-m", "gigawatt", *arguments, "--metrics", str(port)]
            process = subprocess.Popen(command, env=stack.env, stderr=subprocess.DEVNULL)
            ends.callback(process.wait, 60)
            ends.callback(process.terminate)
            addresses[name] = f"http://127.0.0.1:{port}"
        wait_for(lambda: all(get(f"{url}/readyz")[0] == 200 for url in addresses.values()), 120)
        wait_for(lambda: "gigawatt_fleet_power_watts{" in get(f"{addresses['exporter']}/metrics")[1], 120)
        wait_for(lambda: "gigawatt_alert_value{" in get(f"{addresses['exporter']}/metrics")[1], 120)
        yield addresses


def test_the_document_and_the_processes_agree(processes: dict[str, str], stack: Stack):
    """Whoever adds a metric adds its row, and no row is of what nobody serves; all are well and say so."""
    for process, url in processes.items():
        status, text = get(f"{url}/metrics")
        wanted, found = documented(process), served(text)

        assert status == 200
        assert {name: kind for name, (kind, _) in found.items()} == {n: kind for n, (kind, _) in wanted.items()}, (
            process
        )
        for name, (_, labels) in found.items():
            assert not labels or labels == wanted[name][1], name
        assert get(f"{url}/healthz") == (200, "ok\n")
        if PROMTOOL:
            checked = subprocess.run(
                [PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False, timeout=60
            )
            assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", ""), process

    once = stack.run("exporter", "--once")
    assert served(once.stdout).keys() == documented("exporter").keys(), once.stderr


def test_an_exporter_that_serves_nothing_or_has_no_store_says_so():
    silent = gigawatt("exporter", "--metrics", "off")
    alone = gigawatt("exporter", "--once", "--log-format", "json", "--clickhouse", "http://me:secret@127.0.0.1:9")

    assert (silent.returncode, "leaves nothing to serve" in silent.stderr) == (2, True)
    assert (alone.returncode, alone.stdout) == (1, "")
    assert json.loads(alone.stderr)["event"].startswith("ClickHouse at 127.0.0.1:9 does not answer")
    assert "secret" not in alone.stderr


def test_a_worker_that_waits_says_for_what_and_no_secret():
    port = free_port()
    told = {"GIGAWATT_METRICS": str(port), "GIGAWATT_CLICKHOUSE": "http://me:secret@127.0.0.1:9"}
    command = [sys.executable, "-m", "gigawatt", "worker"]
    process = subprocess.Popen(command, env=os.environ | told, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: "does not answer" in get(f"http://127.0.0.1:{port}/readyz")[1], 60)
        status, line = get(f"http://127.0.0.1:{port}/readyz")
        assert get(f"http://127.0.0.1:{port}/healthz")[0] == 200
        assert (status, line.count("\n")) == (503, 1)
        assert line.startswith("waiting: ClickHouse at 127.0.0.1:9 does not answer")
        assert "secret" not in line + get(f"http://127.0.0.1:{port}/metrics")[1]
    finally:
        process.kill()
        process.wait(60)


def test_a_worker_whose_store_goes_away_lives_and_says_so_until_it_is_back(kafka: Broker, tmp_path: Path):
    """Nothing is to be started again for that; what waits is counted meanwhile."""
    engine = engines.start(tmp_path / "engine")
    with KafkaAdmin(f"127.0.0.1:{kafka.port}") as topics:
        topics.ensure(12)
    stack = Stack(f"127.0.0.1:{kafka.port}", engine.url, engine.migrated_client())
    with ExitStack() as ends:
        ports = {"worker": free_port(), "produce": free_port()}
        for name, more in (("worker", []), ("produce", ["simulated", "--chips", "40"])):
            command = [sys.executable, "-m", "gigawatt", name, *more, "--metrics", str(ports[name])]
            process = subprocess.Popen(command, env=stack.env, stderr=subprocess.DEVNULL)
            ends.callback(process.wait, 60)
            ends.callback(process.terminate)
        worker, producer = (f"http://127.0.0.1:{port}" for port in ports.values())
        wait_for(lambda: get(f"{worker}/readyz")[0] == get(f"{producer}/readyz")[0] == 200, 120)
        engines.stop(engine)
        wait_for(lambda: get(f"{worker}/readyz")[1].startswith("cannot store: "), 60)
        assert get(f"{worker}/healthz") == (200, "ok\n")
        assert get(f"{producer}/readyz") == (200, "ok\n")
        failed = re.search(r"^gigawatt_worker_failed_attempts_total (\S+)$", get(f"{worker}/metrics")[1], re.MULTILINE)
        assert float(failed[1]) > 0
        engine = engines.start(tmp_path / "engine", int(engine.url.rpartition(":")[2]))
        ends.callback(engines.stop, engine)
        wait_for(lambda: get(f"{worker}/readyz")[0] == 200, 120)


def test_the_example_of_a_configuration_is_one(tmp_path: Path):
    """Its targets are the ports that the document names; where promtool is there, it takes it."""
    (example,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    config = yaml.safe_load(example)
    targets = {target for job in config["scrape_configs"] for one in job["static_configs"] for target in one["targets"]}

    assert targets == {"127.0.0.1:9810", "127.0.0.1:9811", "127.0.0.1:9812"}
    assert [path.rpartition("/gigawatt/dashboards/")[2] for path in config["rule_files"]] == [PATH]
    if PROMTOOL:
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config | {"rule_files": [str(FOLDER / PATH)]}), "utf-8")
        done = subprocess.run(
            [PROMTOOL, "check", "config", tmp_path / "prometheus.yml"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

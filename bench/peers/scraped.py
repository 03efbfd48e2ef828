"""Prometheus and VictoriaMetrics: each reads every host once a second and makes watts by fleet with recording rules."""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.load import Load
from bench.peers.exporter import COUNT
from bench.peers.peer import Peer, Running, of_its_own, program, said_version
from local.broker.kafka import free_port

RULES: Final = """\
groups:
  - name: fleets
    interval: 1s
    rules:
      - record: fleet:power_watts:sum
        expr: sum by (site, fleet, platform) (chip_power_watts)
      - record: fleet:chips_reporting:count
        expr: count by (site, fleet, platform) (chip_power_watts)
"""
"""What fleets draw, and how many of their chips report: the least that a board of a fleet needs."""
_SCRAPES: Final = """\
scrape_configs:
  - job_name: chips
    scrape_interval: 1s
    scrape_timeout: 1s
    file_sd_configs:
      - files: [{targets}]
"""
_GLOBAL: Final = """\
global:
  evaluation_interval: 1s
rule_files: [{rules}]
"""
_WATTS: Final = "sum(fleet:power_watts:sum)"
_ANSWERS_WITHIN_S: Final = 10.0

_prometheus = partial(program, "GIGAWATT_PROMETHEUS", "prometheus")
_victoria = partial(program, "GIGAWATT_VICTORIAMETRICS", "victoria-metrics", "victoria-metrics-prod")


def _vmalert() -> str | None:
    return program("GIGAWATT_VMALERT", "vmalert", "vmalert-prod", beside=_victoria())


def _not_found(what: str, variable: str, path: str | None) -> str:
    return "" if path else f"{what} is not on the path, and {variable} does not name a program"


@contextmanager
def _run_prometheus(load: Load) -> Iterator[Running]:
    with of_its_own() as running:
        config, port = _exported(running, load), free_port("127.0.0.1")
        config.write_text(_GLOBAL.format(rules=_rules(running)) + config.read_text())
        command = [
            _prometheus() or "", f"--config.file={config}", f"--storage.tsdb.path={running.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
        ]  # fmt: skip
        running.start("server", command)
        _ready(running, "Prometheus", f"http://127.0.0.1:{port}", "/-/ready", load)
        yield running


@contextmanager
def _run_victoria(load: Load) -> Iterator[Running]:
    with of_its_own() as running:
        config, port, rules_port = _exported(running, load), free_port("127.0.0.1"), free_port("127.0.0.1")
        address = f"http://127.0.0.1:{port}"
        command = [
            _victoria() or "", f"-promscrape.config={config}", f"-storageDataPath={running.folder / 'data'}",
            f"-httpListenAddr=127.0.0.1:{port}", "-loggerLevel=WARN", "-search.latencyOffset=1s",
        ]  # fmt: skip
        running.start("server", command)
        _ready(running, "VictoriaMetrics", address, "/health", load)
        rules = [
            _vmalert() or "", f"-rule={_rules(running)}", f"-datasource.url={address}", f"-remoteWrite.url={address}",
            "-evaluationInterval=1s", f"-httpListenAddr=127.0.0.1:{rules_port}", "-loggerLevel=WARN",
        ]  # fmt: skip
        running.start("rules", rules)
        running.samples = partial(_by_role, running.samples, ("server", "rules"))
        yield running


def _exported(running: Running, load: Load) -> Path:
    """Start the exporters of all hosts, and return a configuration that reads them."""
    targets = running.folder / "targets.json"
    fleet = ("--chips", str(load.chips), "--batch", str(load.batch), "--targets", str(targets))
    running.start("exporters", [sys.executable, "-m", "bench.peers.exporter", *fleet], counts=False)
    running.wait_for("the exporters", targets.exists)
    config = running.folder / "config.yaml"
    config.write_text(_SCRAPES.format(targets=targets))
    return config


def _rules(running: Running) -> Path:
    rules = running.folder / "rules.yaml"
    rules.write_text(RULES)
    return rules


def _ready(running: Running, what: str, address: str, path: str, load: Load) -> None:
    """Wait until it answers and has read each host once; say how it is asked."""
    running.wait_for(what, lambda: _answered(f"{address}{path}"))
    (first, *_) = json.loads((running.folder / "targets.json").read_text())
    counter = f"http://{first['targets'][0]}{COUNT}"
    running.wait_for(f"{what}'s first reading", lambda: _read(counter)["samples"] >= load.chips)
    running.samples = lambda: {"server": int(_read(counter)["samples"])}
    running.power_w = partial(_power_w, address)
    running.values_per_sample = _read(counter)["values_per_sample"]


def _by_role(samples: Any, roles: tuple[str, ...]) -> dict[str, int]:
    return dict.fromkeys(roles, samples()["server"])


def _answered(url: str) -> bool:
    with suppress(OSError):
        _get(url)
        return True
    return False


def _read(counter: str) -> dict[str, float]:
    found: dict[str, float] = json.loads(_get(counter))
    return found


def _power_w(address: str) -> float | None:
    """Ask what all fleets draw, by the recording rule."""
    with suppress(OSError, LookupError, ValueError):
        answer = json.loads(_get(f"{address}/api/v1/query?{urllib.parse.urlencode({'query': _WATTS})}"))
        return float(answer["data"]["result"][0]["value"][1])
    return None


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_ANSWERS_WITHIN_S) as answer:  # noqa: S310  our own addresses
        body: bytes = answer.read()
        return body


PROMETHEUS: Final = Peer(
    "Prometheus",
    "a target for each host, read every second; two recording rules by fleet every second",
    lambda: _not_found("prometheus", "GIGAWATT_PROMETHEUS", _prometheus()),
    lambda: said_version(_prometheus() or "", "--version"),
    _run_prometheus,
)
VICTORIAMETRICS: Final = Peer(
    "VictoriaMetrics",
    "the same targets; the same rules, by vmalert",
    lambda: (
        _not_found("victoria-metrics", "GIGAWATT_VICTORIAMETRICS", _victoria())
        or _not_found("vmalert", "GIGAWATT_VMALERT", _vmalert())
    ),
    lambda: said_version(_victoria() or "", "-version"),
    _run_victoria,
)

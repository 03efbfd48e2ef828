"""The board for a Prometheus asks for what there is, and asks it in PromQL."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from dashboards.itself import Asked, itself
from tests.dashboards.test_prometheus_rules import PROMTOOL

DOCUMENT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")
METRICS = set(re.findall(r"^\| `(\w+)` \| (?:counter|gauge|histogram|summary) \|", DOCUMENT, re.MULTILINE))
ASKED = [(panel.title, one) for panel in itself().panels for one in getattr(panel, "targets", None) or []]


@pytest.mark.parametrize(("title", "asked"), ASKED, ids=lambda one: one if isinstance(one, str) else one.legend)
def test_each_metric_is_one_of_the_document(title: str, asked: Asked):
    named = re.findall(r"\b(?:gigawatt|process)_\w+", asked.expr)

    assert named, title
    assert {re.sub(r"_bucket$", "", name) for name in named} <= METRICS


def test_what_a_process_tells_of_its_work_is_shown():
    """All but what is a name, or a time that another figure shows better."""
    shown = " ".join(asked.expr for _, asked in ASKED)
    left_out = {name for name in METRICS if not re.search(rf"\b{name}(_bucket)?\b", shown)}

    fleets = re.compile(r"gigawatt_(fleet|fleets|power|newest|stored|alert)_")
    assert {name for name in left_out if not fleets.match(name)} == {
        *("gigawatt_producer_info", "gigawatt_producer_read_seconds", "gigawatt_producer_last_read_seconds"),
        *("gigawatt_producer_last_success_timestamp_seconds", "gigawatt_producer_samples_total"),
        "gigawatt_producer_sent_messages_total",
        *("gigawatt_producer_sent_bytes_total", "gigawatt_producer_damaged_messages_total"),
        *("gigawatt_producer_buffered_bytes", "gigawatt_worker_messages_total", "gigawatt_worker_late_samples_total"),
        *("gigawatt_worker_last_commit_timestamp_seconds", "gigawatt_worker_dead_letters_waiting"),
        *("gigawatt_worker_assigned_partitions", "gigawatt_page_request_seconds", "gigawatt_front_request_seconds"),
        *("process_start_time_seconds", "process_virtual_memory_bytes", "process_open_fds", "process_max_fds"),
    }


@pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool here")
def test_prometheus_understands_each_query(tmp_path: Path):
    rules = [
        {"record": f"asked:{number}", "expr": asked.expr.replace("$__rate_interval", "1m")}
        for number, (_, asked) in enumerate(ASKED)
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}))

    done = subprocess.run([str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""The measurements, small: a real stack, and figures that agree with what was sent."""

import json
import subprocess
import sys

import pytest

from tests.producers.dcgm_page import page
from tests.producers.exporter import Exporter, serving


def bench(tmp_path, *arguments: str):
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "gigawatt", "bench", "--seconds", "4", "--warm-up", "2", "--json", str(figures)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    return json.loads(figures.read_text()), done.stdout


def test_every_figure_of_the_contract_is_measured(tmp_path):
    (figures,), shown = bench(tmp_path, "--chips", "2000", "--batch", "500")

    assert (figures["chips"], figures["batch"]) == (2000, 500)
    # As many as were sent, but for what a busy machine has not stored by then, or had not before.
    sent = 2000 * figures["seconds"]
    stored = figures["samples_per_second"] * figures["seconds"]
    assert figures["behind_samples"] == pytest.approx(max(0, sent - stored), abs=2)
    assert stored > 0
    cost = figures["cpu_us_per_sample"]
    assert cost.keys() == {"producer", "broker", "worker", "store", "total"}
    assert cost["total"] == pytest.approx(cost["broker"] + cost["worker"] + cost["store"])
    assert all(value > 0 for value in cost.values())
    assert 0 < figures["freshness_s"]["p50"] <= figures["freshness_s"]["p99"]
    assert figures["bytes_per_sample"]["wire"] > 0
    assert figures["bytes_per_sample"]["disk"] > 0
    assert all(figures["memory_mb"][role] > 0 for role in ("producer", "broker", "worker", "store"))
    assert "2,000" in shown
    assert figures["samples_per_message"] == pytest.approx(
        figures["samples_per_second"] / figures["messages_per_second"]
    )
    assert 0 < figures["samples_per_message"] <= 500


def test_many_connections_send_what_one_would_and_waiting_saves_messages(tmp_path):
    """Twenty-five hosts of eight: each waits for two reads."""
    arguments = ("--chips", "200", "--producers", "25", "--publish-every", "2", "--workers", "2")
    (one,), shown = bench(tmp_path, *arguments)

    assert (one["workers"], one["producers"], one["publish_every_s"], one["batch"]) == (2, 25, 2, 8)
    assert 10 < one["samples_per_message"] <= 16
    assert one["cpu_us_per_sample"]["producer"] > 0
    assert "connections" in shown
    assert "seconds a message" in shown


def test_what_a_host_pays_for_being_sampled_is_measured(tmp_path):
    exporter = Exporter()

    def respond(handler):
        exporter.body = page(power=301, energy_mj=10**6 + 300_000 * exporter.requests, gpus=8, util=50)
        exporter.page(handler)

    exporter.respond = respond
    with serving(exporter):
        # Ten reads a second: of one, the CPU time of four seconds may be less than the kernel's tick of 10 ms.
        figures, shown = bench(tmp_path, "--produce", f"dcgm --url {exporter.url} --period 0.1")

    assert figures["samples"] >= 8
    assert figures["core_share"] > 0
    assert figures["memory_mb"] > 0
    assert "share of a core" in shown

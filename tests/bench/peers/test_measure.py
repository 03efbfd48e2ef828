"""Peers are run for real where they are, and skipped with the reason where they are not."""

import dataclasses
import json

import pytest

from bench.load import Load
from bench.peers.measure import PeerResult, _measured, peer_table
from bench.peers.pages import pages
from bench.peers.scraped import PROMETHEUS, VICTORIAMETRICS
from bench.peers.usual import USUAL
from tests.bench.runs import run

FEW = Load(400, seconds=4.0, warm_up_s=2.0)
OURS = run(400, 8, 1, 1, 1, cpu_us_per_sample={"producer": 1.0, "broker": 2, "worker": 3, "store": 5, "total": 10})


@pytest.mark.parametrize("peer", [PROMETHEUS, VICTORIAMETRICS], ids=lambda peer: peer.name)
def test_hosts_are_read_every_second_and_fleets_summed(peer):
    if why := peer.missing():
        pytest.skip(why)

    done = _measured(peer, FEW, lambda _: None)

    assert 0 < done.samples_per_second <= 400 * 1.6
    assert done.cpu_us_per_sample["total"] > 0
    assert 6 <= done.values_per_sample <= 8
    assert done.memory_mb["server"] > 10
    power_w = sum(float(line.rpartition(" ")[2]) for page in pages(400, 8, 1_790_000_000, seconds=1)
                  for line in page.texts[0].decode().splitlines() if line.startswith("chip_power_watts{"))  # fmt: skip
    assert done.power_w == pytest.approx(power_w, rel=0.5)  # of another second


def test_the_usual_way_stores_each_event_as_a_row():
    done = _measured(USUAL, FEW, lambda _: None)

    assert done.cpu_us_per_sample.keys() == {"broker", "worker", "store", "total"}
    assert all(cost > 0 for cost in done.cpu_us_per_sample.values())
    assert 0 < done.samples_per_second <= 400 * 1.6


@pytest.mark.parametrize(
    ("peer", "variable"),
    [
        (PROMETHEUS, "GIGAWATT_PROMETHEUS"),
        (VICTORIAMETRICS, "GIGAWATT_VICTORIAMETRICS"),
        (VICTORIAMETRICS, "GIGAWATT_VMALERT"),
    ],
)
def test_what_is_not_here_is_skipped_with_the_reason(peer, variable, monkeypatch):
    if variable == "GIGAWATT_VMALERT":
        monkeypatch.setenv("GIGAWATT_VICTORIAMETRICS", "/bin/true")
    monkeypatch.setenv(variable, "/nonexistent/it")

    done = _measured(peer, FEW, lambda _: None)

    assert variable in done.skipped
    assert done.ratio(OURS) is None
    assert peer_table(OURS, [done])[2] == [peer.name, "", "", "", "", f"skipped: {done.skipped}"]


def test_ratios_are_to_our_run_of_the_same_call():
    cost = {"server": 30.0, "rules": 10.0, "total": 40.0}
    memory = {"server": 300.0, "rules": 50.0}
    peer = PeerResult("One", "", "1", 400, 8, samples_per_second=400, cpu_us_per_sample=cost, memory_mb=memory)
    slow = dataclasses.replace(peer, seconds=10.0, behind_samples=2_000)

    head, ours, one, other = peer_table(OURS, [peer, slow])

    assert head[3] == "times ours"
    assert ours[:4] == ["Gigawatt", "400", "10.0", "1.0"]
    assert one == ["One", "400", "40.0", "4.0", "350", "server 30.0, rules 10.0"]
    assert other[-1] == "server 30.0, rules 10.0, falls behind"
    assert json.dumps(peer.as_json())

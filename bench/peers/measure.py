"""The peers, one after the other, on the fleet that our own run of the same call has."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import psutil

from bench.load import Load
from bench.measure import BEHIND, Result, measure
from bench.peers.peer import Peer, Running
from bench.peers.scraped import PROMETHEUS, VICTORIAMETRICS
from bench.peers.usual import USUAL
from bench.processes import Cost, family
from schema.errors import GigawattError

PEERS: Final = (PROMETHEUS, VICTORIAMETRICS, USUAL)


@dataclass(frozen=True)
class PeerResult:
    """What one peer took: CPU-microseconds a sample of one chip, by role and in total; or why it was `skipped`.

    A sample is what one chip tells at one time, `values_per_sample` numbers. What a role had not come to by the end is
    `behind_samples`. `power_w` is what the peer says that the fleet draws.
    """

    name: str
    what: str
    version: str
    chips: int
    batch: int
    skipped: str = ""
    seconds: float = 0.0
    samples_per_second: float = 0.0
    behind_samples: int = 0
    values_per_sample: float | None = None
    cpu_us_per_sample: dict[str, float] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)
    power_w: float | None = None

    @property
    def keeps_up(self) -> bool:
        """Whether nearly all that came was read or stored."""
        return self.behind_samples <= BEHIND * self.chips * self.seconds

    def ratio(self, ours: Result) -> float | None:
        """Return how many times as dear a sample is as in our own run; None where it did not run."""
        total = self.cpu_us_per_sample.get("total")
        return None if total is None else total / ours.cpu_us_per_sample["total"]

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


def measure_peers(
    load: Load, said: Callable[[str], None] = lambda _: None, *, peers: Sequence[Peer] = PEERS
) -> tuple[Result, list[PeerResult]]:
    """Measure our own run, then each peer; one that is not here is skipped, with the reason."""
    ours = measure(load, said)
    return ours, [_measured(peer, load, said) for peer in peers]


def _measured(peer: Peer, load: Load, said: Callable[[str], None]) -> PeerResult:
    if why := peer.missing():
        said(f"{peer.name} skipped: {why}")
        return PeerResult(peer.name, peer.what, "", load.chips, load.batch, skipped=why)
    said(f"{peer.name}: {peer.what}")
    try:
        return _run(peer, load, said)
    except GigawattError as error:  # of one that does not come up, the others' figures are not lost
        said(f"{peer.name} failed: {error}")
        return PeerResult(peer.name, peer.what, peer.version(), load.chips, load.batch, skipped=f"it failed: {error}")


def _run(peer: Peer, load: Load, said: Callable[[str], None]) -> PeerResult:
    with peer.run(load) as running:
        said(f"{peer.name}: warming up for {load.warm_up_s:.0f} s")
        time.sleep(load.warm_up_s)
        before, began = (_costs(running), running.samples()), time.monotonic()
        said(f"{peer.name}: measuring for {load.seconds:.0f} s")
        time.sleep(load.seconds)
        after, seconds = (_costs(running), running.samples()), time.monotonic() - began
        done = {role: max(1, after[1][role] - before[1][role]) for role in running.pids}
        used = {role: (after[0][role].cpu_s - before[0][role].cpu_s) / done[role] * 1e6 for role in running.pids}
        fewest = min(done.values())
        return PeerResult(
            name=peer.name,
            what=peer.what,
            version=peer.version(),
            chips=load.chips,
            batch=load.batch,
            seconds=round(seconds, 3),
            samples_per_second=fewest / seconds,
            behind_samples=max(0, round(load.chips * seconds) - fewest),
            values_per_sample=running.values_per_sample,
            cpu_us_per_sample={**used, "total": sum(used.values())},
            memory_mb={role: cost.memory_mb for role, cost in after[0].items()},
            power_w=running.power_w(),
        )


def _costs(running: Running) -> dict[str, Cost]:
    """Return what each role has used, with all processes that it started."""
    return {role: _cost(pid) for role, pid in running.pids.items()}


def _cost(pid: int) -> Cost:
    cpu_s = memory_mb = 0.0
    for process in family([pid]):
        with suppress(psutil.Error):
            times = process.cpu_times()
            cpu_s += times.user + times.system
            memory_mb += process.memory_info().rss / 1e6
    return Cost(cpu_s, memory_mb)


def peer_table(ours: Result, peers: Sequence[PeerResult]) -> list[list[str]]:
    """Return the figures as rows of text, a row each, ours first."""
    rows = [["", "samples/s", "CPU us/sample", "times ours", "memory, MB", "of which"]]
    parts = {role: ours.cpu_us_per_sample[role] for role in ("broker", "worker", "store")}
    total, memory_mb = ours.cpu_us_per_sample["total"], sum(ours.memory_mb[role] for role in parts)
    figures = _figures(ours.samples_per_second, total, 1.0, memory_mb)
    rows.append(["Gigawatt", *figures, _of_which(parts, keeps_up=ours.keeps_up)])
    for one in peers:
        ratio = one.ratio(ours)
        if ratio is None:
            rows.append([one.name, "", "", "", "", f"skipped: {one.skipped}"])
            continue
        parts = {role: cost for role, cost in one.cpu_us_per_sample.items() if role != "total"}
        total, memory_mb = one.cpu_us_per_sample["total"], sum(one.memory_mb.values())
        figures = _figures(one.samples_per_second, total, ratio, memory_mb)
        rows.append([one.name, *figures, _of_which(parts, keeps_up=one.keeps_up)])
    return rows


def _figures(samples: float, total: float, ratio: float, memory_mb: float) -> list[str]:
    return [f"{samples:,.0f}", f"{total:,.1f}", f"{ratio:,.1f}", f"{memory_mb:,.0f}"]


def _of_which(parts: dict[str, float], *, keeps_up: bool) -> str:
    said = [f"{role} {cost:,.1f}" for role, cost in parts.items()] if len(parts) > 1 else []
    return ", ".join(said if keeps_up else [*said, "falls behind"])

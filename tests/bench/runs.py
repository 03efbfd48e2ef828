"""Runs as they would have been measured, at costs that are known."""

from typing import Any

from bench.measure import Result
from bench.plan.costs import Rates, Terms, rates_of

TERMS = {
    "broker": Terms(0.02, 0.005, 100e-6, 20e-6, 0.1e-6),
    "worker": Terms(0.0, 0.01, 0.0, 30e-6, 0.3e-6),
    "store": Terms(0.03, 0.02, 0.0, 0.0, 0.6e-6),
}
SHAPES = [
    *((chips, 8, 1, 1, 1) for chips in (1_000, 10_000, 50_000)),
    *((chips, 4096, 1, 1, 1) for chips in (1_000, 10_000, 100_000, 1_000_000)),
    *((20_000, 8, workers, 1, 1) for workers in (2, 4)),
    (2_000, 8, 1, 250, 1),
    (2_000, 8, 1, 250, 5),
]


def run(chips: int, batch: int, workers: int, producers: int, every_s: int, **others: Any) -> Result:
    figures: dict[str, Any] = {
        "chips": chips,
        "batch": batch,
        "seconds": 30.0,
        "samples_per_second": float(chips),
        "messages_per_second": chips / batch / every_s,
        "behind_samples": 0,
        "cpu_us_per_sample": {},
        "freshness_s": {"p50": 1.2, "p99": 1.4},
        "bytes_per_sample": {"wire": 0.0, "disk": 4.3},
        "memory_mb": dict.fromkeys(("producer", "broker", "worker", "store"), 200.0),
        "workers": workers,
        "producers": producers,
        "publish_every_s": every_s,
    }
    made = Result(**(figures | others))
    rates: Rates = rates_of(made)
    cores = {role: terms.cores(rates) for role, terms in TERMS.items()} | {"producer": 0.1}
    cost = {role: used / made.samples_per_second * 1e6 for role, used in cores.items()}
    cost["total"] = sum(cost[role] for role in TERMS)
    wire = 28.0 + (100 * rates.messages + 268 * rates.requests) / rates.samples
    sizes = {"bytes_per_sample": {"wire": wire, "disk": 4.3}}
    return Result(**(figures | sizes | {"cores": cores, "cpu_us_per_sample": cost} | others))


def runs() -> list[Result]:
    return [run(*shape) for shape in SHAPES]

"""The fleet as exporters show it: a page for each host, in Prometheus' text format, with what a sample of ours has.

Pages of some seconds are made in advance and shown in turn: what is measured is who reads them. What a chip does not
tell stands on no page either. Labels of a whole host are its target's, as is usual, and cost its readers nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from producers.source import Batch, Tick
from producers.sources.simulated import Simulated
from schema import fleet as fleets

METRICS: Final = {
    "power_w": "chip_power_watts",
    "power_error_w": "chip_power_error_watts",
    "utilization": "chip_utilization_ratio",
    "tensor_utilization": "chip_tensor_utilization_ratio",
    "memory_used_bytes": "chip_memory_used_bytes",
    "memory_total_bytes": "chip_memory_total_bytes",
    "temperature_c": "chip_temperature_celsius",
    "throttle": "chip_throttle",
}
"""The metric of each field that simulated chips tell."""
OF_HOST: Final = ("site", "fleet", "platform")
"""The labels of a target; host, chip and model stand in each line."""
SECONDS: Final = 8
"""So many seconds are made. The time series' own compression looks at neighbours, not at what was eight values ago."""


@dataclass(frozen=True)
class Page:
    """What one host shows, second by second: its chips, how many values they have, and its labels."""

    key: str
    labels: dict[str, str]
    chips: int
    values: int
    texts: Sequence[bytes]


def simulated(chips: int, batch: int) -> Simulated:
    """Return the fleet that our own run has, all of whose hosts report."""
    return Simulated(fleets.scaled(fleets.load(None), chips), batch=batch, cadence_s=1, silent=0.0)


def pages(chips: int, batch: int, now_s: int, seconds: int = SECONDS) -> list[Page]:
    """Return a page for each message that our own run sends a second."""
    source = simulated(chips, batch)
    reads = [source.read(Tick(ts_ms=(now_s + second) * 1000, interval_ms=1000)) for second in range(seconds)]
    return [_page(of_host) for of_host in zip(*reads, strict=True)]


def _page(reads: Sequence[Batch]) -> Page:
    first = reads[0].samples
    named = [name for name in METRICS if name in first.schema.names]
    return Page(
        key=reads[0].key,
        labels={name: str(first.column(name)[0]) for name in OF_HOST},
        chips=first.num_rows,
        values=sum(len(first) - first.column(name).null_count for name in named),
        texts=[_text(read.samples, named) for read in reads],
    )


def _text(samples: pa.RecordBatch, named: Sequence[str]) -> bytes:
    labels = [samples.column(name).to_pylist() for name in ("host", "chip", "model")]
    chips = [f'{{host="{host}",chip="{chip}",model="{model}"}}' for host, chip, model in zip(*labels, strict=True)]
    lines = []
    for name in named:
        metric = METRICS[name]
        lines.append(f"# TYPE {metric} gauge")
        values = samples.column(name).to_pylist()
        lines += [f"{metric}{chip} {value:.9g}" for chip, value in zip(chips, values, strict=True) if value is not None]
    return "".join(f"{line}\n" for line in lines).encode()

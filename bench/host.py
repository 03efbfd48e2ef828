"""What sampling costs on the host whose chips are read: CPU time and memory of one `gigawatt produce`."""

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.processes import costs
from bench.stack import stack, stored_samples, wait_for_samples
from schema.clickhouse import connect
from schema.errors import GigawattError


@dataclass(frozen=True)
class HostResult:
    """CPU time as a share of one core, memory, and how many samples were stored meanwhile."""

    command: str
    seconds: float
    core_share: float
    memory_mb: float
    samples: int

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


def measure_host(
    arguments: str, seconds: float, warm_up_s: float, said: Callable[[str], None] = lambda _: None
) -> HostResult:
    """Run a stack of its own and `gigawatt produce` with these arguments, and measure that after the warm-up."""
    command = shlex.split(arguments)
    with stack(1, said) as running:
        client = connect(running.clickhouse)
        producer = running.produce(*command)
        wait_for_samples(client)
        said(f"produce {arguments}: warming up for {warm_up_s:.0f} s")
        time.sleep(warm_up_s)
        before, began = costs([producer.pid])["producer"], time.monotonic()
        said(f"produce {arguments}: measuring for {seconds:.0f} s")
        time.sleep(seconds)
        after, took_s = costs([producer.pid])["producer"], time.monotonic() - began
        if producer.poll() is not None:
            raise GigawattError(f"the producer ended: {running.said()}")
        samples = stored_samples(client)
        return HostResult(arguments, round(took_s, 3), (after.cpu_s - before.cpu_s) / took_s, after.memory_mb, samples)


def host_table(result: HostResult) -> Sequence[Sequence[str]]:
    """Return the figures as rows of text."""
    return [
        ["produce", result.command],
        ["share of a core", f"{result.core_share:.2%}"],
        ["memory, MB", f"{result.memory_mb:,.0f}"],
        ["samples stored", f"{result.samples:,}"],
    ]

"""What the messages of hosts cost the worker, held against a fixed piece of work in the same run.

The machine's speed and what else it does change both alike, so that their ratio is the code's alone.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa

from producers.batches import build
from producers.lean import lean
from schema import encoding
from streams.blocks import Block, Commit, LogMessage, Span
from streams.process import Processor
from tests.batches import NOW_MS

MEASURED = 0.77
"""How many times as dear as the reference a message is: set it anew where the code became cheaper."""
BOUND = 1.25 * MEASURED
HOSTS = 1_000
CHIPS = 8
ROUNDS = (6, 40)
"""So many rounds at least, and at most while the bound does not hold: on a busy machine most of them say nothing."""


def messages(ts_ms: int) -> list[bytes]:
    """Return a message of eight chips with all fields for each host, as producers send it."""
    generator = np.random.default_rng(1)
    hosts = (columns(f"host-{number:05d}", ts_ms, generator) for number in range(HOSTS))
    return [encoding.encode(lean(build(CHIPS, host))) for host in hosts]


def columns(host: str, ts_ms: int, generator: np.random.Generator) -> dict:
    return {
        "ts": np.full(CHIPS, ts_ms), "interval_ms": 1_000, "site": "north", "fleet": "train", "platform": "nvidia",
        "model": "h100-sxm", "host": host, "chip": [f"{host}/{chip}" for chip in range(CHIPS)], "job": "base",
        "power_w": generator.uniform(100, 700, CHIPS), "power_method": "counter", "power_error_w": 5.0,
        "utilization": generator.uniform(0, 1, CHIPS), "tensor_utilization": generator.uniform(0, 1, CHIPS),
        "memory_used_bytes": generator.integers(0, 2**36, CHIPS), "memory_total_bytes": 2**36,
        "temperature_c": generator.uniform(30, 80, CHIPS), "throttle": 0,
    }  # fmt: skip


def reference(values: list[bytes]) -> float:
    """Read the same messages with Arrow alone, one by one, and add up their watts: this never changes."""
    total = 0.0
    for value in values:
        batch = pa.ipc.open_stream(value).read_next_batch()
        total += float(np.asarray(batch.column("power_w")).sum(dtype=np.float64))
    return total


def cpu_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def test_a_message_of_eight_costs_no_quarter_more():
    processor = Processor()

    def process(ts_ms: int, values: list[bytes]) -> None:
        taken = [LogMessage(0, offset, ts_ms, value, None) for offset, value in enumerate(values)]
        assert sum(one.weight for one in taken) > 0  # as the cutting of blocks asks of each
        stored = processor.process(Commit("one", [Block(Span(0, 0, HOSTS - 1), taken)]))
        assert stored.totals[0].samples == HOSTS * CHIPS
        assert sum(table.num_rows for table in stored.power) > 0

    process(NOW_MS, messages(NOW_MS))  # every host is known from here on
    ours, fixed = [], []
    fewest, most = ROUNDS
    while len(ours) < fewest or (len(ours) < most and min(ours) / min(fixed) > BOUND):
        ts_ms = NOW_MS + 1_000 * (len(ours) + 1)
        values = messages(ts_ms)
        ours.append(cpu_s(partial(process, ts_ms, values)))
        fixed.append(cpu_s(partial(reference, values)))

    ratio = min(ours) / min(fixed)
    assert ratio <= BOUND, f"a message of eight costs {ratio:.2f} times the reference; {MEASURED} was measured"

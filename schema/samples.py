"""A chip sample: the fields of the contract (docs/contract.md), and the columns that the rest of Gigawatt computes on.

A sample is a rectangle of energy: over the interval that ends at `ts` and lasts `interval_ms`, the chip
drew `power_w` on average. One message carries one batch of samples; it stays columns from the source to
the store, and no Python object is made per sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

PLATFORMS: Final = ("tpu", "trainium", "nvidia", "amd")
METER_MODELS: Final = ("host-meter", "rack-meter")
"""The models under which a meter of a host or a rack publishes: samples like others, which are of no chip."""
POWER_METHODS: Final = ("counter", "sensor", "percent", "model", "meter")

IDLE_BELOW: Final = 0.05
"""A chip whose utilization is known and below this counts as idle."""

THROTTLE_POWER_CAP: Final = 1
THROTTLE_THERMAL: Final = 2
THROTTLE_HARDWARE: Final = 4
THROTTLE_OTHER: Final = 8

LABEL: Final = pa.dictionary(pa.int32(), pa.utf8())
SCHEMA: Final = pa.schema(
    [
        pa.field("ts", pa.timestamp("ms", "UTC"), nullable=False),
        pa.field("interval_ms", pa.uint32(), nullable=False),
        pa.field("site", LABEL, nullable=False),
        pa.field("fleet", LABEL, nullable=False),
        pa.field("platform", LABEL, nullable=False),
        pa.field("model", LABEL, nullable=False),
        pa.field("host", LABEL, nullable=False),
        pa.field("chip", LABEL, nullable=False),
        pa.field("job", LABEL),
        pa.field("power_w", pa.float32()),
        pa.field("power_method", LABEL),
        pa.field("power_error_w", pa.float32()),
        pa.field("utilization", pa.float32()),
        pa.field("tensor_utilization", pa.float32()),
        pa.field("memory_used_bytes", pa.uint64()),
        pa.field("memory_total_bytes", pa.uint64()),
        pa.field("temperature_c", pa.float32()),
        pa.field("throttle", pa.uint8()),
        pa.field("energy_j", pa.float64()),
    ]
)
"""What producers of ours send. Readers accept more: see `schema.wire`."""

IDENTITY: Final = ("site", "fleet", "platform", "model", "host", "chip")
"""The labels that say whose sample it is; none of them may be missing."""
DESCRIPTION: Final = ("job", "power_method")
"""The labels that say what was sampled."""
LABELS: Final = (*IDENTITY, *DESCRIPTION)
MEASURES: Final = (
    "power_w",
    "power_error_w",
    "utilization",
    "tensor_utilization",
    "memory_used_bytes",
    "memory_total_bytes",
    "temperature_c",
    "throttle",
    "energy_j",
)
"""The numeric fields that may be null."""

Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.floating | np.integer]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Label:
    """One string column of n rows as codes into its distinct values.

    `codes` is int32 [n], -1 where the row has none; `values` is an Arrow string array without nulls.
    """

    codes: Codes
    values: pa.StringArray

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: Rows) -> "Label":
        """Pick rows, in that order; the values stay as they are."""
        return Label(self.codes[rows], self.values)


def is_plain(values: pa.StringArray) -> bool:
    """Say whether all texts are of printable ASCII alone: the usual case, told at 2 ns a text."""
    _, offsets, text = values.buffers()
    if not len(values) or text is None:
        return True
    ends = np.frombuffer(offsets, np.int32, len(values) + 1, 4 * values.offset)
    used = np.frombuffer(text, np.uint8)[ends[0] : ends[-1]]
    return not len(used) or bool(used.min() >= 0x20 and used.max() < 0x7F)  # noqa: PLR2004  space to tilde


def no_label(n: int) -> Label:
    """Return a column of n rows without a value."""
    return Label(np.full(n, -1, np.int32), pa.array([], pa.utf8()))


def concat_labels(labels: Sequence[Label]) -> Label:
    """Join columns end to end. Values may then stand twice in `values`: codes are not identities."""
    if len(labels) == 1:
        return labels[0]
    codes, base = [], 0
    for label in labels:
        codes.append(np.where(label.codes < 0, -1, label.codes + base) if base else label.codes)
        base += len(label.values)
    if not codes:
        return no_label(0)
    return Label(np.concatenate(codes, dtype=np.int32), pa.concat_arrays([label.values for label in labels]))


@dataclass(frozen=True)
class Samples:
    """A batch of n samples as columns, each numpy array of shape [n].

    `ts_ms` is the end of the interval in epoch milliseconds, `interval_ms` its length; 0 stands for a
    missing one in both, which the row checks reject. A measure keeps the width it was sent in; a null is
    NaN with its bit in `given` cleared, so that a NaN that was sent can be told from a value that was not.
    """

    ts_ms: Ints
    interval_ms: Ints
    labels: dict[str, Label]
    measures: dict[str, Numbers]
    given: dict[str, Bools]

    def __len__(self) -> int:
        return len(self.ts_ms)

    def take(self, rows: Rows) -> "Samples":
        """Pick rows, in that order."""
        return Samples(
            self.ts_ms[rows],
            self.interval_ms[rows],
            {name: label.take(rows) for name, label in self.labels.items()},
            {name: values[rows] for name, values in self.measures.items()},
            {name: bits[rows] for name, bits in self.given.items()},
        )


def concat(parts: Sequence[Samples]) -> Samples:
    """Join batches end to end."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return empty()
    return Samples(
        np.concatenate([part.ts_ms for part in parts]),
        np.concatenate([part.interval_ms for part in parts]),
        {name: concat_labels([part.labels[name] for part in parts]) for name in parts[0].labels},
        {name: np.concatenate([part.measures[name] for part in parts]) for name in MEASURES},
        {name: np.concatenate([part.given[name] for part in parts]) for name in MEASURES},
    )


def empty() -> Samples:
    """Return a batch of no samples."""
    none = np.zeros(0, np.int64)
    return Samples(
        none,
        none,
        {name: no_label(0) for name in LABELS},
        {name: np.zeros(0, np.float64) for name in MEASURES},
        {name: np.zeros(0, bool) for name in MEASURES},
    )

"""Many messages of one form in one batch, for a source that stands for many hosts.

What is done once for a batch, to check it or to encode it, is then done once for hundreds of messages. Whoever does not
know of it reads them one by one.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
import pyarrow as pa

from producers.source import Batch
from schema.samples import Ints


class Stack(Sequence[Batch]):
    """Messages whose rows lie end to end in `samples`: message m has `rows[m]` of them (int64 [m]) under `keys[m]`.

    No message is without rows.
    """

    def __init__(self, samples: pa.RecordBatch, keys: Sequence[str], rows: Ints) -> None:
        self.samples = samples
        self.keys = keys
        self.rows = rows
        self.first: Ints = np.cumsum(rows) - rows
        """The first row of each message."""

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, index: int) -> Batch: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Batch]: ...
    def __getitem__(self, index: int | slice) -> Batch | Sequence[Batch]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        whole = len(self.keys) == 1
        rows = self.samples if whole else self.samples.slice(int(self.first[index]), int(self.rows[index]))
        return Batch(self.keys[index], rows)


class Stacks(Sequence[Batch]):
    """Several stacks as one sequence of messages."""

    def __init__(self, stacks: Iterable[Stack]) -> None:
        self.stacks = tuple(stacks)

    def __len__(self) -> int:
        return sum(map(len, self.stacks))

    @overload
    def __getitem__(self, index: int) -> Batch: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Batch]: ...
    def __getitem__(self, index: int | slice) -> Batch | Sequence[Batch]:
        return list(self)[index]

    def __iter__(self) -> Iterator[Batch]:
        return (batch for stack in self.stacks for batch in stack)


def stacked(batches: Sequence[Batch]) -> Sequence[Batch] | Sequence[Stack]:
    """Return the stacks of what a source has read, or its batches where it has none."""
    return batches.stacks if isinstance(batches, Stacks) else batches

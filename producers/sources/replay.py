"""Recorded samples: Arrow, Parquet, newline-delimited JSON or CSV files, at their own pace or faster.

The labels are the file's. Rows are published as they were recorded; those that break the contract are
rejected by the worker, which says why; those with control or format characters in a label are not sent.
`--once` plays the files at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import click
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import structlog

from producers.batches import compact
from producers.flags import FiniteRange
from producers.recordings import RecordingError, blocks, lacking
from producers.source import Batch, SourceDoneError, Tick, Where
from schema import wire
from schema.samples import Rows

OPTIONS: Final = (
    click.Argument(["files"], nargs=-1, required=True, type=click.Path(path_type=Path)),
    click.Option(
        ["--speed"],
        type=FiniteRange(min=0),
        default=1.0,
        show_default=True,
        help="Times as fast as recorded; 0 for at once.",
    ),
    click.Option(["--at-once"], is_flag=True, help="The same as --speed 0."),
    click.Option(["--shift-to-now"], is_flag=True, help="Shift all times so that the first sample is now."),
)

LABEL_HELP: Final = dict.fromkeys(("--site", "--fleet", "--host"), "Of no effect: the labels are the files'.")

NO_HOST: Final = "unknown"
"""The key of rows without a host, which the worker refuses."""


class Replay:
    """Plays blocks of recorded rows, each a record batch with the contract's columns and perhaps others.

    A row is due when `speed` times the time since the first tick has passed since the first row's `ts`;
    0 makes all due. One block is held at a time, so a row that stands far behind its time comes late.
    """

    def __init__(self, recorded: Iterable[pa.RecordBatch], *, speed: float, shift_to_now: bool) -> None:
        self.default_period_s = 1.0 if speed > 0 else 0.0
        self._blocks = iter(recorded)
        self._speed = speed
        self._shift_to_now = shift_to_now
        self._pending: pa.RecordBatch | None = None
        self._first_ms: int | None = None
        self._start_ms = 0

    def read(self, tick: Tick) -> list[Batch]:
        """Return the rows that are due, one batch per host of each block; at once, one block a read."""
        batches: list[Batch] = []
        while self._fill(tick):
            batches += self._due(tick)
            if self._speed == 0 or self._pending is not None:
                break
        if self._pending is None and not batches:
            raise SourceDoneError
        return batches

    def close(self) -> None:
        """Close the file that is open."""
        self._pending = None
        self._blocks = iter(())

    def _fill(self, tick: Tick) -> bool:
        while self._pending is None or self._pending.num_rows == 0:
            self._pending = next(self._blocks, None)
            if self._pending is None:
                return False
        if self._first_ms is None:
            times = _times(self._pending)
            self._first_ms = int(times[times > 0].min(initial=2**62)) if (times > 0).any() else tick.ts_ms
            self._start_ms = tick.ts_ms
        return True

    def _due(self, tick: Tick) -> list[Batch]:
        block, first_ms = self._pending, self._first_ms
        assert block is not None and first_ms is not None  # noqa: S101, PT018  filled before
        self._pending = None
        if self._speed > 0:
            now_ms = first_ms + (tick.ts_ms - self._start_ms) * self._speed
            due = _times(block) <= now_ms
            if not due.all():
                self._pending = block.take(pa.array(np.flatnonzero(~due)))
                block = block.take(pa.array(np.flatnonzero(due)))
        if self._shift_to_now:
            block = shifted(block, self._start_ms - first_ms)
        return by_host(block)


def _times(block: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Return int64 [n], epoch milliseconds; 0 where a row has no time."""
    return wire.columns([block]).ts_ms


def shifted(block: pa.RecordBatch, by_ms: int) -> pa.RecordBatch:
    """Return the block with every time moved by so many milliseconds; a missing time stays missing."""
    times = _times(block)
    moved = pa.array(times + by_ms, pa.timestamp("ms", "UTC"), mask=times == 0)
    return block.set_column(block.schema.get_field_index("ts"), "ts", moved)


def by_host(block: pa.RecordBatch) -> list[Batch]:
    """Cut a block into one batch per host, its rows in their order."""
    if block.num_rows == 0:
        return []
    host = wire.columns([block]).labels["host"]
    names = host.values.to_pylist()
    order = np.argsort(host.codes, kind="stable")
    starts = np.flatnonzero(np.diff(host.codes[order], prepend=-2))
    cuts: Sequence[Rows] = np.split(order, starts[1:])
    return [
        Batch(names[code] if (code := int(host.codes[rows[0]])) >= 0 else NO_HOST, _take(block, rows)) for rows in cuts
    ]


def _take(block: pa.RecordBatch, rows: Rows) -> pa.RecordBatch:
    return block if len(rows) == block.num_rows else compact(block.take(pa.array(rows)))


def open_source(where: Where, *, files: Sequence[Path], speed: float, at_once: bool, shift_to_now: bool) -> Replay:
    """Look into every file, and refuse the one that is no recording of samples before any is played."""
    if at_once or where.once:
        speed = 0.0
    for path in files:
        for block in blocks(path):
            if names := lacking(block):
                raise RecordingError(f"{path} lacks {', '.join(names)}: every sample must have them")
            break
    if shift_to_now and speed != 1:
        structlog.get_logger().warning(
            "times keep their distances: at another speed than 1 they leave the clock, "
            "and samples more than 5 s ahead of it are refused"
        )
    return Replay(_chained(files), speed=speed, shift_to_now=shift_to_now)


def _chained(files: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    return chain.from_iterable(blocks(path) for path in files)

"""Recorded samples from Arrow, Parquet, newline-delimited JSON or CSV files, at the recorded pace or faster.

Labels come from the file. Rows are published as recorded: the worker rejects invalid rows with a reason. Rows with
control or format characters in a label are not sent. --once plays the files at once.

Output of `nvidia-smi --query-gpu=... --format=csv` can be replayed directly. It needs the columns timestamp, index or
uuid, and name. Each row covers the time since the previous row of the same GPU. Such a file has no labels: site, fleet
and host come from the flags; without --host, the host is named after the file. Times are UTC unless --timezone is set.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import chain
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import structlog

from producers.batches import compact
from producers.flags import FiniteRange
from producers.nvidia_smi import Told
from producers.recorded_csv import RecordingError
from producers.recordings import blocks, lacking
from producers.source import Batch, SourceDoneError, Tick, Where
from schema import wire
from schema.limits import RAW_RETENTION_MS
from schema.samples import Rows

OPTIONS: Final = (
    click.Argument(["files"], nargs=-1, required=True, type=click.Path(path_type=Path)),
    click.Option(
        ["--speed"],
        type=FiniteRange(min=0),
        default=1.0,
        show_default=True,
        help="Speed multiplier; 0 plays everything at once.",
    ),
    click.Option(["--at-once"], is_flag=True, help="Same as --speed 0."),
    click.Option(
        ["--shift-to-now"],
        is_flag=True,
        help="Shift all times so that the first sample is now; with --at-once, the last.",
    ),
    click.Option(
        ["--model"], help="Chip model of an nvidia-smi file, such as h100-sxm.  [default: from the GPU's name]"
    ),
    click.Option(
        ["--columns"],
        metavar="NAME,...",
        default="",
        help="Columns of an nvidia-smi file without a header, such as timestamp,index,name,power.draw",
    ),
    click.Option(
        ["--timezone"],
        metavar="ZONE",
        default="UTC",
        show_default=True,
        help="Time zone of an nvidia-smi file, such as Europe/Berlin.",
    ),
)

LABEL_HELP: Final = {
    "--site": "Site label for nvidia-smi files; other files have labels.  [default: GIGAWATT_SITE, else default]",
    "--fleet": "Fleet label for nvidia-smi files; other files have labels.  [default: GIGAWATT_FLEET, else default]",
    "--host": "Host label for nvidia-smi files; other files have labels.  [default: the file's name]",
}

NO_HOST: Final = "unknown"
"""The key of rows without a host, which the worker rejects."""


class Replay:
    """Plays blocks of recorded rows, each a record batch with the contract's columns and perhaps others.

    A row is due when `speed` times the time since the first tick has passed since the first row's `ts`;
    0 makes all due. One block is held at a time, so a row that stands far behind its time comes late. Shifted, the time
    that becomes now is `newest_ms`, or else the first row's.
    """

    def __init__(
        self,
        recorded: Iterable[pa.RecordBatch],
        *,
        speed: float,
        shift_to_now: bool,
        newest_ms: int | None = None,
    ) -> None:
        self.default_period_s = 1.0 if speed > 0 else 0.0
        self._blocks = iter(recorded)
        self._speed = speed
        self._shift_to_now = shift_to_now
        self._newest_ms = newest_ms
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
            block = shifted(block, self._start_ms - (self._newest_ms or first_ms))
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


def open_source(
    where: Where,
    *,
    files: Sequence[Path],
    speed: float,
    at_once: bool,
    shift_to_now: bool,
    model: str | None = None,
    columns: str = "",
    timezone: str = "UTC",
) -> Replay:
    """Look into every file, and reject the one that is no recording of samples before any is played."""
    names = tuple(name.strip() for name in columns.split(",") if name.strip())
    told = Told(where.site, where.fleet, where.host, model, names, _zone(timezone))
    if at_once or where.once:
        speed = 0.0
    oldest_ms = [_oldest_ms(path, told) for path in files]
    if shift_to_now and speed not in (0, 1):
        structlog.get_logger().warning(
            "with a speed other than 1, recorded times drift away from the clock, and samples more than 5 s ahead "
            "of it are rejected"
        )
    elif not shift_to_now and 0 < min(oldest_ms) < time.time() * 1000 - RAW_RETENTION_MS:
        structlog.get_logger().warning(
            "the samples are older than 3 days and will be rejected as too_late; use --shift-to-now",
            first=datetime.fromtimestamp(min(oldest_ms) / 1000, UTC).isoformat(timespec="seconds"),
        )
    newest_ms = max(map(_newest_ms, _chained(files, told)), default=0) if shift_to_now and speed == 0 else None
    return Replay(_chained(files, told), speed=speed, shift_to_now=shift_to_now, newest_ms=newest_ms or None)


def _zone(name: str) -> tzinfo:
    if name.upper() == "UTC":  # also where there is no table of zones
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise RecordingError(
            f"--timezone {name}: unknown time zone; write UTC, or for example Europe/Berlin"
        ) from error


def _oldest_ms(path: Path, told: Told) -> int:
    """Return the first time of a recording that can be played, 0 where its first rows have none."""
    for block in blocks(path, told=told):
        if names := lacking(block):
            raise RecordingError(f"{path} has no column {', '.join(names)}, which every sample needs")
        times = _times(block)
        return int(times[times > 0].min(initial=2**62)) if (times > 0).any() else 0
    return 0


def _newest_ms(block: pa.RecordBatch) -> int:
    return int(_times(block).max(initial=0))


def _chained(files: Sequence[Path], told: Told) -> Iterator[pa.RecordBatch]:
    return chain.from_iterable(blocks(path, told=told) for path in files)

"""Plays one pool: its jobs, its racks in their turn, and the hosts that fall silent."""

import functools
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from producers.simulation.noise import Noise, hash_of
from producers.simulation.physics import Idle, Job, Range, Serving, Training
from producers.simulation.racks import Rack, racks
from producers.simulation.readings import Moment, array, reading_of
from producers.stack import Stack
from schema.fleet import Pool
from schema.samples import SCHEMA, Bools, Ints

WIDTH: Final = 4096
"""So many chips are played at once, where a message has fewer."""
_SILENT_MS: Final = 300_000  # how long a host that fell silent stays so


class Player:
    """One pool; `silent` is the share of its hosts that do not report, `cadence_s` overrides the platform's."""

    def __init__(
        self, pool: Pool, noise: Noise, *, seed: int, batch: int, silent: float, cadence_s: int | None
    ) -> None:
        self._pool, self._noise, self._silent = pool, noise, silent
        self._watts = Range.of(pool.chip)
        self._reading = reading_of(pool)
        self._cadence_s = cadence_s or self._reading.cadence_s
        self._jobs = [_job(pool, self._watts, name, seed) for name in pool.jobs or ("",)]
        each = pool.chip.chips_per_host
        self._rows = max(1, batch // each) * each
        self._racks: dict[int, list[Rack]] = {}
        self._keys: dict[int, list[str]] = {}
        for rack in racks(pool, self._rows * max(1, WIDTH // self._rows), self._cadence_s):
            self._racks.setdefault(rack.second, []).append(rack)
            self._keys[rack.start] = rack.host.dictionary.to_pylist()[:: self._rows // each]

    def play(self, ts_ms: int, interval_ms: int) -> Iterator[Stack]:
        """Yield the messages due in the interval that ends at `ts_ms`.

        A pool that is read at least as often reports the whole interval; a slower one reports a cadence's
        worth for each second in the interval, of those hosts whose turn it is.
        """
        cadence_ms = 1000 * self._cadence_s
        if cadence_ms <= interval_ms or self._cadence_s == 1:
            due = [rack for second in sorted(self._racks) for rack in self._racks[second]]
            yield from self._report(due, ts_ms, interval_ms)
            return
        for second in range((ts_ms - interval_ms) // 1000 + 1, ts_ms // 1000 + 1):
            due = self._racks.get(second % self._cadence_s, [])
            yield from self._report(due, second * 1000, cadence_ms)

    def _report(self, due: list[Rack], ts_ms: int, interval_ms: int) -> Iterator[Stack]:
        if not due:
            return
        draws = [job.draw(ts_ms, interval_ms) for job in self._jobs]
        moment = Moment(self._pool, self._reading, self._watts, self._noise, ts_ms)
        same = self._same(max(rack.count for rack in due), ts_ms, interval_ms)
        for rack in due:
            each = {"host": rack.host, "chip": rack.chip} | moment.measures(rack, draws[rack.job])
            reporting = ~self._quiet(rack, ts_ms)
            count = int(np.count_nonzero(reporting))
            if count == 0:
                continue
            if count < rack.count:
                mask = pa.array(reporting)
                each = {name: column.filter(mask) for name, column in each.items()}
            if self._pool.jobs:
                each["job"] = _label(self._pool.jobs[rack.job], rack.count)[:count]
            each |= {name: column[:count] for name, column in same.items()}
            names = [name for name in SCHEMA.names if name in each]
            samples = pa.RecordBatch.from_arrays([each[name] for name in names], names)
            yield Stack(samples, *self._messages(rack, reporting))

    def _messages(self, rack: Rack, reporting: Bools) -> tuple[Sequence[str], Ints]:
        """Return key, which is the first host, and rows of each message of a rack in which a chip reports."""
        keys = self._keys[rack.start]
        if len(keys) == 1:
            return keys, np.array([np.count_nonzero(reporting)])
        rows = np.add.reduceat(reporting, np.arange(0, rack.count, self._rows), dtype=np.int64)
        return keys if rows.all() else [keys[at] for at in np.flatnonzero(rows).tolist()], rows[rows > 0]

    def _same(self, count: int, ts_ms: int, interval_ms: int) -> dict[str, pa.Array]:
        """Return the columns that are alike for all chips of the pool."""
        pool = self._pool
        columns = {
            "ts": array(np.full(count, ts_ms), SCHEMA.field("ts").type),
            "interval_ms": array(np.full(count, interval_ms, np.uint32), pa.uint32()),
            "site": _label(pool.site.name, count),
            "fleet": _label(pool.fleet, count),
            "platform": _label(pool.chip.platform, count),
            "model": _label(pool.chip.model, count),
            "power_method": _label(self._reading.method, count),
        }
        if pool.chip.memory_bytes is not None:
            columns["memory_total_bytes"] = array(np.full(count, pool.chip.memory_bytes, np.uint64), pa.uint64())
        if self._reading.error_w is not None:
            columns["power_error_w"] = array(np.full(count, self._reading.error_w, np.float32), pa.float32())
        return columns

    def _quiet(self, rack: Rack, ts_ms: int) -> Bools:
        """Return which chips of the rack are silent: whole hosts, for minutes, at each pool's own times."""
        since = (ts_ms + hash_of(self._pool.host_prefix) % _SILENT_MS) // _SILENT_MS
        key = f"{self._pool.host_prefix} silent {since}"
        return self._noise.uniform(key, rack.start, rack.count, self._pool.chip.chips_per_host) < self._silent


def _job(pool: Pool, watts: Range, name: str, seed: int) -> Job:
    generator = np.random.default_rng([abs(seed), hash_of(f"{pool.host_prefix} {name}")])
    if pool.workload == "training":
        return Training(watts, generator)
    if pool.workload == "inference":
        return Serving(watts, generator, pool.site.utc_offset_h)
    return Idle(watts)


@functools.lru_cache(maxsize=4096)
def _label(value: str, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(np.zeros(count, np.int8), pa.array([value]))

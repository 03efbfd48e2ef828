"""What the instruments of a pool say: from what a job draws to columns, at each platform's resolution."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from producers.simulation.noise import Floats32, Noise
from producers.simulation.physics import Draw, Range
from producers.simulation.racks import Rack
from schema.fleet import Pool

_SPREAD: Final = 0.02  # between chips of one model, at equal work; a guess
_JITTER: Final = 0.01  # of one chip from second to second; a guess
_OVERSHOOT: Final = 1.05  # above the power limit, for as long as a second
_THROTTLE_ABOVE: Final = 0.8  # of the peak
_DRIFT_MS: Final = 20_000  # how long a replica's load, a chip's heat or a throttle lasts
_INLET_C: Final = 28.0
_FULL_LOAD_RISE_C: Final = 44.0
_EVEN_SPREAD: Final = 12**-0.5  # from the width of an even spread to its standard deviation


@dataclass(frozen=True)
class Reading:
    """How a pool is read: by which method, every `cadence_s`, in steps of how many watts, and what else."""

    method: str
    cadence_s: int
    resolution_w: float
    error_w: float | None
    """One standard deviation; None where it follows from the estimate."""
    throttle: bool = True
    temperature: bool = True


_COUNTER: Final = Reading("counter", 1, 0.001, error_w=10.0 * _EVEN_SPREAD)  # the vendor's +-5 W, spread evenly
_SENSOR: Final = Reading("sensor", 1, 1.0, error_w=5.0)  # it looks at a part of each second only
_READINGS: Final = {
    "nvidia": _COUNTER,
    "amd": _COUNTER,
    "tpu": Reading("model", 1, 0.1, error_w=None, temperature=False),
    "trainium": Reading("percent", 60, 0.01, error_w=None, throttle=False, temperature=False),
}


def reading_of(pool: Pool) -> Reading:
    """Return how a pool is read: as its platform is; serving GPUs by sensor, as if their counters were off."""
    reading = _READINGS[pool.chip.platform]
    return _SENSOR if reading is _COUNTER and pool.workload == "inference" else reading


class Moment:
    """One pool at one time: what is drawn from the noise, and from it the measures of a rack."""

    def __init__(self, pool: Pool, reading: Reading, watts: Range, noise: Noise, ts_ms: int) -> None:
        self._pool, self._reading, self._watts, self._noise = pool, reading, watts, noise
        self._key = pool.host_prefix
        self._now = str(ts_ms)
        self._drift, into = divmod(ts_ms, _DRIFT_MS)
        self._faded = into / _DRIFT_MS

    def measures(self, rack: Rack, draw: Draw) -> dict[str, pa.Array]:
        """Return the columns that differ from chip to chip, each [rack.count]."""
        spread = self._noise.normal(f"{self._key} spread", rack.start, rack.count)
        power_w = self._power_w(rack, draw, spread)
        columns = {
            "power_w": array(power_w, pa.float32()),
            "utilization": self._share(rack, draw.busy, "busy"),
            "tensor_utilization": self._share(rack, draw.tensor, "tensor"),
        }
        if self._reading.error_w is None:
            columns["power_error_w"] = array(self._estimate_error_w(power_w, draw), pa.float32())
        if self._pool.chip.memory_bytes is not None:
            columns["memory_used_bytes"] = _memory_used(self._pool.chip.memory_bytes >> 20, draw.memory, spread)
        if self._reading.temperature:
            columns["temperature_c"] = self._temperature_c(rack, draw, spread)
        if self._reading.throttle:
            columns["throttle"] = self._throttle(rack, draw)
        return columns

    def _power_w(self, rack: Rack, draw: Draw, spread: Floats32) -> Floats32:
        power_w = spread * (_SPREAD * draw.mean_w)
        power_w += self._noise.normal(f"{self._key} power {self._now}", rack.start, rack.count) * (
            _JITTER * draw.mean_w
        )
        power_w += draw.mean_w
        if draw.replica_sd_w:
            power_w += self._replicas(rack) * draw.replica_sd_w
        if draw.burst_share:
            each = self._pool.chip.chips_per_host
            burst = self._noise.uniform(f"{self._key} burst {self._now}", rack.start, rack.count, each)
            np.copyto(power_w, draw.burst_w, where=burst < draw.burst_share)
        np.clip(power_w, self._watts.idle_w, _OVERSHOOT * self._watts.peak_w, out=power_w)
        power_w *= 1 / self._reading.resolution_w
        np.rint(power_w, out=power_w)
        power_w *= self._reading.resolution_w
        return power_w

    def _replicas(self, rack: Rack) -> Floats32:
        """Return each replica's own load, mean 0, drifting from one drawn value to the next."""
        each = self._pool.chip.chips_per_host
        last, following = (
            self._noise.normal(f"{self._key} replica {drift}", rack.start, rack.count, each)
            for drift in (self._drift, self._drift + 1)
        )
        return last * (1 - self._faded) + following * self._faded

    def _share(self, rack: Rack, share: float, kind: str) -> pa.Array:
        """Return shares of time in whole percent, as the drivers tell them."""
        if share == 0:
            return array(np.zeros(rack.count, np.float32), pa.float32())
        percent = self._noise.normal(f"{self._key} {kind} {self._now}", rack.start, rack.count) * 1.5
        percent += 100 * share
        np.rint(percent, out=percent)
        np.clip(percent, 0, 100, out=percent)
        percent /= 100
        return array(percent, pa.float32())

    def _estimate_error_w(self, power_w: Floats32, draw: Draw) -> Floats32:
        """Return how far an estimate may be off: by its scale, and by what the interval averaged away."""
        error_w = power_w * self._pool.chip.estimate_error_share
        if self._reading.method == "percent":
            np.hypot(error_w, (draw.high_w - draw.low_w) * _EVEN_SPREAD, out=error_w)
        return error_w

    def _temperature_c(self, rack: Rack, draw: Draw, spread: Floats32) -> pa.Array:
        load = (draw.warm_w - self._watts.idle_w) / (self._watts.peak_w - self._watts.idle_w)
        celsius = self._noise.normal(f"{self._key} heat {self._drift}", rack.start, rack.count) * 0.7
        celsius += spread
        celsius += _INLET_C + _FULL_LOAD_RISE_C * load
        np.rint(celsius, out=celsius)
        return array(celsius, pa.float32())

    def _throttle(self, rack: Rack, draw: Draw) -> pa.Array:
        if draw.high_w < _THROTTLE_ABOVE * self._watts.peak_w:
            return array(np.zeros(rack.count, np.uint8), pa.uint8())
        return array(self._noise.throttle(f"{self._key} {self._drift}", rack.start, rack.count), pa.uint8())


def _memory_used(total_mib: int, share: float, spread: Floats32) -> pa.Array:
    """Return bytes in whole MiB; the share of a chip differs a little from its neighbours'."""
    mib = spread * (0.005 * share * total_mib)
    mib += share * total_mib
    used = mib.astype(np.uint64)
    used <<= np.uint64(20)
    return array(used, pa.uint64())


def array(values: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Return values [n] without nulls as an Arrow array, without a copy: they must not change afterwards."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])

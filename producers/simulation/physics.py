"""What a job makes its chips draw, as a pure function of time.

Training: all chips of a job move in common phase. A step of 1 to 10 s computes at 75 to 95 % of peak power
and communicates at 25 to 40 %; a checkpoint dips to about 25 % for 17 to 56 s; a job stops as a whole, is
down for minutes, and starts again over a plateau of 106 s. Serving: each replica for itself, decoding at
40 to 70 % with bursts of prefill near the peak, following the hours of its site. Sources: plateaus and
dips from public 8xH100 traces; alternation from arXiv 2508.14318; the remaining figures are guesses.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from schema.chips import Chip
from schema.errors import GigawattError
from schema.samples import Ints

STEP_MS: Final = 100
"""Phases are looked up this often; shorter ones than that do not occur."""
_MAX_POINTS: Final = 600
_MEMORY_MS: Final = 60_000  # how far back a chip's temperature remembers

_IDLE_SHARE: Final = 0.2  # of peak, played where nobody has stated an idle power; not a claim
_STARTUP_MS: Final = 106_000
_DAY_H: Final = 24
_HOUR_MS: Final = 3_600_000

_DOWN, _STARTUP, _CHECKPOINT, _COMMUNICATE, _COMPUTE = range(5)
_BUSY: Final = np.array([0.0, 0.30, 0.12, 1.0, 1.0])
_TENSOR: Final = np.array([0.0, 0.02, 0.0, 0.02, 0.62])
_MEMORY: Final = np.array([0.01, 0.45, 0.90, 0.90, 0.90])


@dataclass(frozen=True)
class Range:
    """What a chip can draw in watts, idle to peak."""

    idle_w: float
    peak_w: float

    @classmethod
    def of(cls, chip: Chip) -> "Range":
        """Take the range from the catalogue; an unknown idle power is played as a fifth of the peak."""
        if chip.peak_w is None:
            raise GigawattError(f"{chip.model} cannot be simulated; set its peak_w in the fleet file")
        return cls(_IDLE_SHARE * chip.peak_w if chip.idle_w is None else chip.idle_w, chip.peak_w)

    def share(self, share: float) -> float:
        """Return that share of the peak in watts, and never less than idle."""
        return max(self.idle_w, share * self.peak_w)


@dataclass(frozen=True)
class Draw:
    """What an average chip of a job did in an interval.

    `low_w` and `high_w` are the extremes within it, `warm_w` the mean of the last minute. Replicas stray
    from `mean_w` by `replica_sd_w`, and each is with probability `burst_share` at `burst_w` instead.
    Shares are 0..1; `memory` is of the device memory.
    """

    mean_w: float
    low_w: float
    high_w: float
    warm_w: float
    busy: float
    tensor: float
    memory: float
    replica_sd_w: float = 0.0
    burst_share: float = 0.0
    burst_w: float = 0.0


class Job(Protocol):
    """Something that keeps chips at work, or idle."""

    def draw(self, ts_ms: int, interval_ms: int) -> Draw:
        """Return what a chip drew over the interval that ends at `ts_ms`."""


class Idle:
    """Powered on, and no work."""

    def __init__(self, watts: Range) -> None:
        idle_w = 1.03 * watts.idle_w
        self._draw = Draw(idle_w, idle_w, idle_w, idle_w, busy=0.0, tensor=0.0, memory=0.004)

    def draw(self, ts_ms: int, interval_ms: int) -> Draw:  # noqa: ARG002  the same at any time
        """Return the idle draw."""
        return self._draw


class Training:
    """A synchronous job; its rhythm and levels are drawn from `generator` once."""

    def __init__(self, watts: Range, generator: np.random.Generator) -> None:
        uniform = generator.uniform
        self._life_ms = int(uniform(2, 6) * _HOUR_MS)  # from one stop to the next
        self._origin_ms = int(uniform(0, self._life_ms))
        self._down_ms = generator.integers(60_000, 600_000, 64)
        self._cycle_ms = int(uniform(240_000, 900_000))  # from one checkpoint to the next
        self._checkpoint_ms = int(uniform(17_000, 56_000))
        self._step_ms = int(uniform(1_000, 10_000))
        self._compute_ms = int(uniform(0.70, 0.85) * self._step_ms)
        shares = (0.0, 0.17, 0.25, uniform(0.25, 0.40), uniform(0.75, 0.95))
        self._power_w = np.array([watts.share(share) for share in shares])

    def phases(self, ts_ms: Ints) -> npt.NDArray[np.intp]:
        """Return the phase at each of these times, as an index: down, start, checkpoint, communicate, compute."""
        life, into_life = np.divmod(ts_ms + self._origin_ms, self._life_ms)
        into_run = into_life - self._down_ms[life % len(self._down_ms)] - _STARTUP_MS
        into_cycle = into_run % self._cycle_ms
        phases = np.where(into_cycle % self._step_ms < self._compute_ms, _COMPUTE, _COMMUNICATE)
        phases[into_cycle >= self._cycle_ms - self._checkpoint_ms] = _CHECKPOINT
        phases[into_run < 0] = _STARTUP
        phases[into_run < -_STARTUP_MS] = _DOWN
        return phases

    def draw(self, ts_ms: int, interval_ms: int) -> Draw:
        """Return the mean over the interval, by the phases in it."""
        step_ms = max(STEP_MS, interval_ms // _MAX_POINTS)
        count = max(1, interval_ms // step_ms)
        back = np.arange(max(count, _MEMORY_MS // step_ms))
        phases = self.phases(ts_ms - step_ms // 2 - step_ms * back)
        power_w, now = self._power_w[phases], phases[:count]
        return Draw(
            mean_w=float(power_w[:count].mean()),
            low_w=float(power_w[:count].min()),
            high_w=float(power_w[:count].max()),
            warm_w=float(power_w.mean()),
            busy=float(_BUSY[now].mean()),
            tensor=float(_TENSOR[now].mean()),
            memory=float(_MEMORY[now[0]]),
        )


class Serving:
    """A service of independent replicas, busiest in the afternoon of its site."""

    _LONG_MS: Final = 10_000  # an interval this long holds bursts and pauses alike

    def __init__(self, watts: Range, generator: np.random.Generator, utc_offset_h: float) -> None:
        self._watts = watts
        self._utc_offset_h = utc_offset_h
        self._busiest_h = generator.uniform(13, 17)
        self._night = generator.uniform(0.10, 0.25)
        self._memory = generator.uniform(0.75, 0.92)

    def load(self, ts_ms: int) -> float:
        """Return the load 0..1 at that time of the site's day."""
        hour = ts_ms / _HOUR_MS + self._utc_offset_h
        day = 0.5 + 0.5 * np.cos(2 * np.pi * (hour - self._busiest_h) / _DAY_H)
        return float(self._night + (1 - self._night) * day)

    def draw(self, ts_ms: int, interval_ms: int) -> Draw:
        """Return what a replica draws at this load; in a long interval its bursts are averaged."""
        load = self.load(ts_ms)
        decode_w = self._watts.share(0.40 + 0.30 * load)
        burst_w, burst_share = self._watts.share(0.95), 0.02 + 0.13 * load
        mean_w = decode_w + burst_share * (burst_w - decode_w)
        long = interval_ms >= self._LONG_MS
        return Draw(
            mean_w=mean_w if long else decode_w,
            low_w=self._watts.share(0.35),
            high_w=burst_w,
            warm_w=mean_w,
            busy=0.25 + 0.70 * load,
            tensor=0.04 + 0.22 * load,
            memory=self._memory,
            replica_sd_w=(0.03 if long else 0.06) * self._watts.peak_w,
            burst_share=0.0 if long else burst_share,
            burst_w=burst_w,
        )

"""NVIDIA GPUs, as dcgm-exporter shows them: power, energy, utilization, memory, temperature, throttling.

One sample per GPU and refresh of the exporter, which is every 30 s unless its --collect-interval says
otherwise. Power is the energy counter's difference; the sensor stands in where there is no difference yet.
"""

import functools
import operator
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import click

from producers.batches import build, fit_label
from producers.metering import Meter, Rectangle, Watch
from producers.nvidia import model_of, throttle_of
from producers.prometheus_text import (
    WHOLE,
    Labels,
    PrometheusTextError,
    Reading,
    Rule,
    TextParser,
    readings,
)
from producers.scrape import Scraper
from producers.source import Batch, SourceError, Tick, Where
from schema.errors import GigawattError

OPTIONS: Final = (
    click.Option(
        ["--url", "urls"],
        multiple=True,
        metavar="URL",
        default=("http://127.0.0.1:9400/metrics",),
        show_default=True,
        help="Page of a dcgm-exporter; may be given several times.",
    ),
    click.Option(
        ["--timeout", "timeout_s"],
        type=click.FloatRange(min=0, min_open=True),
        default=3.0,
        show_default=True,
        help="Seconds within which an exporter must have answered.",
    ),
)

POWER_ERROR_W: Final = 5.0
"""NVML's stated accuracy of the sensor, +-5 W. The counter integrates what the same sensor measures, and
nobody states a better figure for it: a difference is free of the sensor's sampling error (it watches a
quarter of the time on A100 and H100, arXiv 2312.02741), not of its calibration."""

_BLANK: Final = float(0x7FFFFFF0)
_BLANK_INT64: Final = float(0x7FFFFFFFFFFFFFF0)
"""dcgm_structs.h: from DCGM_INT32_BLANK, 2**47 and DCGM_INT64_BLANK on, a value says why there is none."""
_MIB: Final = 2.0**20
_NONE_ELSE_BUSY: Final = 0.005
_OVERSHOOT: Final = 1.01


def _sum(parts: Mapping[str, float]) -> float:
    return sum(parts.values())


def _unknown(_parts: Mapping[str, float]) -> None:
    """Return None: what MIG instances say of themselves does not add up to the chip."""


def _one_busy(parts: Mapping[str, float]) -> float | None:
    """Return how long the chip ran anything, which is known when at most one MIG instance ran.

    Of two that did, nothing says how far they overlapped.
    """
    busiest = max(parts.values())
    return busiest if sum(parts.values()) - busiest < _NONE_ELSE_BUSY else None


def _union(parts: Mapping[str, float]) -> float:
    return float(functools.reduce(operator.or_, map(int, parts.values())))


# Of two names for one reading the first that is there counts; DCGM 4.6 renamed fields and kept their units.
# In MIG mode each instance's row carries the whole GPU's power: the largest is taken, because it is a reading
# that was really taken and errs to the safe side of a budget. The rows' energy counters are one counter.
TABLE: Final = {
    "DCGM_FI_DEV_POWER_USAGE": Rule("power_w", blank_from=_BLANK),
    "DCGM_FI_DEV_BOARD_POWER_WATTS": Rule("power_w", blank_from=_BLANK),
    "DCGM_FI_DEV_POWER_USAGE_INSTANT": Rule("power_w", blank_from=_BLANK),
    "DCGM_FI_DEV_BOARD_POWER_RAW_WATTS": Rule("power_w", blank_from=_BLANK),
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": Rule("energy_j", scale=1e-3, blank_from=_BLANK_INT64),
    "DCGM_FI_DEV_GPU_UTIL": Rule("utilization", scale=0.01, blank_from=_BLANK, merge=_unknown),
    "DCGM_FI_DEV_GPU_UTIL_RATIO": Rule("utilization", scale=0.01, blank_from=_BLANK, merge=_unknown),
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": Rule("utilization", blank_from=_BLANK, merge=_one_busy),
    "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO": Rule("utilization", blank_from=_BLANK, merge=_one_busy),
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": Rule("tensor_utilization", blank_from=_BLANK, merge=_unknown),
    "DCGM_FI_PROF_TENSOR_UTIL_RATIO": Rule("tensor_utilization", blank_from=_BLANK, merge=_unknown),
    "DCGM_FI_DEV_FB_USED": Rule("memory_used", scale=_MIB, blank_from=_BLANK, merge=_sum),
    "DCGM_FI_DEV_FB_FREE": Rule("memory_free", scale=_MIB, blank_from=_BLANK, merge=_unknown),
    "DCGM_FI_DEV_FB_RESERVED": Rule("memory_reserved", scale=_MIB, blank_from=_BLANK, merge=_unknown),
    "DCGM_FI_DEV_FB_TOTAL": Rule("memory_total", scale=_MIB, blank_from=_BLANK, merge=_unknown),
    "DCGM_FI_DEV_GPU_TEMP": Rule("gpu_temperature", blank_from=_BLANK),
    "DCGM_FI_DEV_GPU_TEMP_CELSIUS": Rule("gpu_temperature", blank_from=_BLANK),
    "DCGM_FI_DEV_MEMORY_TEMP": Rule("memory_temperature", blank_from=_BLANK),
    "DCGM_FI_DEV_MEMORY_TEMP_CELSIUS": Rule("memory_temperature", blank_from=_BLANK),
    "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": Rule("throttle", blank_from=_BLANK, merge=_union),
    "DCGM_FI_DEV_CLOCKS_EVENT_REASONS": Rule("throttle", blank_from=_BLANK, merge=_union),
}


def chip_of(labels: Labels) -> str | None:
    """Return the GPU's UUID; for an exporter that does not tell it, the host and the GPU's number."""
    if uuid := labels.get("UUID") or labels.get("uuid"):
        return uuid
    host, gpu = labels.get("Hostname") or labels.get("hostname"), labels.get("gpu")
    return f"{host}/{gpu}" if host and gpu else None


def job_of(reading: Reading) -> str | None:
    """Return the workload that holds the chip: a batch system's job, or `namespace/pod`.

    None where several share it: nothing says how its energy divides between them.
    """
    for name in ("hpc_job", "pod"):
        found = reading.labels.get(name, set())
        if len(found) == 1:
            job = next(iter(found))
            namespace = reading.label("namespace") if name == "pod" else None
            return fit_label(f"{namespace}/{job}" if namespace else job)
        if found:
            return None
    return None


def fields_of(reading: Reading) -> dict[str, float | int | None]:
    """Return what one GPU's reading says, but for its power, in the contract's fields and units."""
    values = reading.values
    used, free = values.get("memory_used"), values.get("memory_free")
    total = values.get("memory_total")
    if total is None and used is not None and free is not None:
        total = used + free + values.get("memory_reserved", 0.0)
    temperatures = [values[name] for name in ("gpu_temperature", "memory_temperature") if name in values]
    reasons = values.get("throttle")
    return {
        "utilization": _share(values.get("utilization")),
        "tensor_utilization": _share(values.get("tensor_utilization")),
        "memory_used_bytes": _whole(used),
        "memory_total_bytes": _whole(total),
        "temperature_c": max(temperatures, default=None),
        "throttle": None if reasons is None else throttle_of(int(reasons)),
        "energy_j": values.get("energy_j"),
    }


def _share(value: float | None) -> float | None:
    """Take off what a profiling counter overshoots by; what is further out is for the worker to refuse."""
    return 1.0 if value is not None and 1.0 < value <= _OVERSHOOT else value


def _whole(value: float | None) -> int | None:
    return None if value is None or value < 0 else int(value)


class Exporter:
    """One dcgm-exporter, scraped again and again. `host` is None to take the exporter's word for it."""

    def __init__(self, scraper: Scraper, where: Where) -> None:
        self.scraper = scraper
        self._where = where
        self._parser = TextParser(TABLE)
        self._watch = Watch()
        self._meters: dict[str, Meter] = {}
        self._body = b""

    def read(self, tick: Tick) -> list[Batch]:
        """Return the samples of the GPUs that have something new, one batch per host."""
        body = self.scraper.read()
        if body == self._body:
            self._watch.see_again(tick)
            return []
        try:
            gpus = readings(self._parser.rows(body), TABLE, chip_of, lambda labels: labels.get("GPU_I_ID", WHOLE))
        except PrometheusTextError as error:
            raise SourceError(f"{self.scraper.url} sent no whole page: {error}") from error
        if not gpus:
            raise SourceError(f"{self.scraper.url} shows no GPU: is it a dcgm-exporter?")
        self._body = body
        return self._batches(tick, gpus)

    def _batches(self, tick: Tick, gpus: dict[str, Reading]) -> list[Batch]:
        sight = self._watch.see(tick, {gpu: reading.values for gpu, reading in gpus.items()})
        hosts: dict[str, list[tuple[str, Reading, Rectangle]]] = {}
        for gpu, reading in gpus.items():
            values = reading.values
            meter = self._meters.setdefault(gpu, Meter())
            rectangle = meter.step(tick, sight, values.get("energy_j"), values.get("power_w"))
            if rectangle is not None:
                host = self._where.host or reading.label("Hostname", "hostname") or self._fallback_host()
                hosts.setdefault(host, []).append((gpu, reading, rectangle))
        return [self._batch(tick, host, told) for host, told in hosts.items()]

    def _batch(self, tick: Tick, host: str, told: list[tuple[str, Reading, Rectangle]]) -> Batch:
        columns: dict[str, Any] = {
            "ts": tick.ts_ms,
            "interval_ms": [rectangle.interval_ms for _, _, rectangle in told],
            "site": self._where.site,
            "fleet": self._where.fleet,
            "platform": "nvidia",
            "host": fit_label(host),
            "model": [fit_label(model_of(reading.label("modelName"))) for _, reading, _ in told],
            "chip": [fit_label(gpu) for gpu, _, _ in told],
            "job": [job_of(reading) for _, reading, _ in told],
            "power_w": [rectangle.watts for _, _, rectangle in told],
            "power_method": [rectangle.method for _, _, rectangle in told],
            "power_error_w": [POWER_ERROR_W if rectangle.method else None for _, _, rectangle in told],
        }
        fields = [fields_of(reading) for _, reading, _ in told]
        columns |= {name: [row[name] for row in fields] for name in fields[0]}
        return Batch(fit_label(host), build(len(told), columns))

    def _fallback_host(self) -> str:
        name = self.scraper.host
        return socket.gethostname() if name in ("localhost", "127.0.0.1", "::1") else name


class DcgmSource:
    """All exporters, read at the same time so that one that hangs delays none of the others."""

    default_period_s = 1.0
    """More often than exporters refresh, to learn when they do; an unchanged page costs half a millisecond."""

    def __init__(self, exporters: Sequence[Exporter]) -> None:
        self._exporters = exporters
        self._threads = ThreadPoolExecutor(len(exporters), "scrape") if len(exporters) > 1 else None

    def read(self, tick: Tick) -> list[Batch]:
        """Return the samples of all exporters that answer; `SourceError` with them when any does not."""
        if self._threads is None:
            return self._exporters[0].read(tick)
        batches: list[Batch] = []
        failures = []
        for future in [self._threads.submit(exporter.read, tick) for exporter in self._exporters]:
            try:
                batches += future.result()
            except SourceError as error:
                failures.append(str(error))
        if failures:
            more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
            raise SourceError(f"{failures[0]}{more}", batches=batches)
        return batches

    def close(self) -> None:
        """Close the connections."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        for exporter in self._exporters:
            exporter.scraper.close()


def open_source(where: Where, *, urls: Sequence[str], timeout_s: float) -> DcgmSource:
    """Make the source of these exporters; nothing is read yet."""
    if len(urls) > 1 and where.host is not None:
        raise GigawattError("--host names one machine: leave it out to take each exporter's own word")
    return DcgmSource([Exporter(Scraper(url, timeout_s=timeout_s), where) for url in urls])

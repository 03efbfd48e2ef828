"""NVIDIA GPUs, through a dcgm-exporter: power, energy, utilization, memory, temperature, throttling.

One sample per GPU and refresh of the exporter: every 30 s, unless its --collect-interval is set. Power comes from the
energy counter, and from the sensor until two counter readings exist.
"""

import functools
import operator
from collections.abc import Mapping, Sequence
from typing import Final, Unpack

from producers.access import AccessFlags
from producers.discovery import Finding, Machine
from producers.exporter import Dialect, Fields, look_for, open_exporters, options, share, whole
from producers.nvidia import POWER_ERROR_W, model_of, throttle_of
from producers.prometheus_text import WHOLE, Labels, Reading, Rule, one_busy, total, unknown
from producers.source import Source, Where

PLATFORM: Final = "nvidia"
PREFERENCE: Final = 1

_BLANK: Final = float(0x7FFFFFF0)
_BLANK_INT64: Final = float(0x7FFFFFFFFFFFFFF0)
"""dcgm_structs.h: from DCGM_INT32_BLANK, 2**47 and DCGM_INT64_BLANK on, a value says why there is none."""
_MIB: Final = 2.0**20


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
    "DCGM_FI_DEV_GPU_UTIL": Rule("utilization", scale=0.01, blank_from=_BLANK, merge=unknown),
    "DCGM_FI_DEV_GPU_UTIL_RATIO": Rule("utilization", scale=0.01, blank_from=_BLANK, merge=unknown),
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": Rule("utilization", blank_from=_BLANK, merge=one_busy),
    "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO": Rule("utilization", blank_from=_BLANK, merge=one_busy),
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": Rule("tensor_utilization", blank_from=_BLANK, merge=unknown),
    "DCGM_FI_PROF_TENSOR_UTIL_RATIO": Rule("tensor_utilization", blank_from=_BLANK, merge=unknown),
    "DCGM_FI_DEV_FB_USED": Rule("memory_used", scale=_MIB, blank_from=_BLANK, merge=total),
    "DCGM_FI_DEV_FB_FREE": Rule("memory_free", scale=_MIB, blank_from=_BLANK, merge=unknown),
    "DCGM_FI_DEV_FB_RESERVED": Rule("memory_reserved", scale=_MIB, blank_from=_BLANK, merge=unknown),
    "DCGM_FI_DEV_FB_TOTAL": Rule("memory_total", scale=_MIB, blank_from=_BLANK, merge=unknown),
    "DCGM_FI_DEV_GPU_TEMP": Rule("gpu_temperature", blank_from=_BLANK),
    "DCGM_FI_DEV_GPU_TEMP_CELSIUS": Rule("gpu_temperature", blank_from=_BLANK),
    "DCGM_FI_DEV_MEMORY_TEMP": Rule("memory_temperature", blank_from=_BLANK),
    "DCGM_FI_DEV_MEMORY_TEMP_CELSIUS": Rule("memory_temperature", blank_from=_BLANK),
    "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": Rule("throttle", blank_from=_BLANK, merge=_union),
    "DCGM_FI_DEV_CLOCKS_EVENT_REASONS": Rule("throttle", blank_from=_BLANK, merge=_union),
}


def chip_of(labels: Labels) -> str | None:
    """Return the GPU's UUID, None for an exporter that does not report it."""
    return labels.get("UUID") or labels.get("uuid")


def fields_of(reading: Reading) -> Fields:
    """Return what one GPU's reading says, but for its power, in the contract's fields and units."""
    values = reading.values
    used, free = values.get("memory_used"), values.get("memory_free")
    size = values.get("memory_total")
    if size is None and used is not None and free is not None:
        size = used + free + values.get("memory_reserved", 0.0)
    temperatures = [values[name] for name in ("gpu_temperature", "memory_temperature") if name in values]
    reasons = values.get("throttle")
    return {
        "utilization": share(values.get("utilization")),
        "tensor_utilization": share(values.get("tensor_utilization")),
        "memory_used_bytes": whole(used),
        "memory_total_bytes": whole(size),
        "temperature_c": max(temperatures, default=None),
        "throttle": None if reasons is None else throttle_of(int(reasons)),
        "energy_j": values.get("energy_j"),
    }


DIALECT: Final = Dialect(
    exporter="a dcgm-exporter",
    chip="GPU",
    platform=PLATFORM,
    url="http://127.0.0.1:9400/metrics",
    got="NVIDIA's GPU operator runs one on every node; or install github.com/NVIDIA/dcgm-exporter",
    rules=TABLE,
    chip_of=chip_of,
    number_of=lambda labels: labels.get("gpu"),
    part_of=lambda labels: labels.get("GPU_I_ID", WHOLE),
    model_of=lambda reading: model_of(reading.label("modelName")),
    fields_of=fields_of,
    host_labels=("Hostname", "hostname"),
    job_labels=("hpc_job", "pod"),
    counter=True,
    power_error_w=POWER_ERROR_W,
    default_period_s=1.0,  # more often than exporters refresh, to learn when they do; an unchanged page costs 0.5 ms
)
OPTIONS: Final = options(DIALECT)


def open_source(where: Where, *, urls: Sequence[str], timeout_s: float, **access: Unpack[AccessFlags]) -> Source:
    """Make the source of these exporters; nothing is read yet."""
    return open_exporters(DIALECT, where, urls=urls, timeout_s=timeout_s, **access)


def look(machine: Machine) -> Finding:
    """Say whether a dcgm-exporter runs on this machine."""
    return look_for(DIALECT, machine)

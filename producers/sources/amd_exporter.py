"""AMD Instinct GPUs, through AMD's device-metrics-exporter: power, utilization, memory, temperature, throttling.

One sample per GPU and refresh of the exporter. The exporter reads its GPUs again when it is scraped and its last
reading is older than 15 s. Power comes from the socket's sensor. A partitioned GPU is one chip: its first partition
reports the power of all partitions.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Unpack

import click

from producers.access import AccessFlags
from producers.amd.meaning import model_of as name_of
from producers.discovery import Finding, Machine
from producers.exporter import Dialect, Fields, look_for, open_exporters, options, share, whole
from producers.prometheus_text import WHOLE, Labels, Reading, Rule, one_busy, total
from producers.source import Source, Where
from schema.samples import THROTTLE_POWER_CAP, THROTTLE_THERMAL

PLATFORM: Final = "amd"
PREFERENCE: Final = 1

USUAL_PREFIX: Final = "amd_"
_NA: Final = float(0xFFFF)
"""amdsmi's 16-bit "N/A"."""
_MIB: Final = 2.0**20
_VIOLATIONS: Final = {
    "gpu_violation_ppt_residency_percentage": THROTTLE_POWER_CAP,
    "gpu_violation_gfx_clock_below_host_limit_power_percentage": THROTTLE_POWER_CAP,
    "gpu_violation_processor_hot_residency_percentage": THROTTLE_THERMAL,
    "gpu_violation_socket_thermal_residency_percentage": THROTTLE_THERMAL,
    "gpu_violation_vr_thermal_residency_percentage": THROTTLE_THERMAL,
    "gpu_violation_hbm_thermal_residency_percentage": THROTTLE_THERMAL,
    "gpu_violation_gfx_clock_below_host_limit_thermal_percentage": THROTTLE_THERMAL,
}
"""Shares of the time in which the GPU was held back, and by what; older exporters have none of them."""


def _alone(parts: Mapping[str, float]) -> float | None:
    """Return what the GPU's only part shows; that of several does not add up."""
    return next(iter(parts.values())) if len(parts) == 1 else None


# Of three names for the socket's power the first that is there counts: MI300, MI200, and gpu_metrics' word for either.
# Partitions but the first show 0 W, older exporters 0 for whatever a GPU does not have: such a 0 is no reading.
TABLE: Final = {
    "gpu_package_power": Rule("power_w", blank_to=0, blank_from=_NA),
    "gpu_average_package_power": Rule("power_w", blank_to=0, blank_from=_NA),
    "gpu_power_usage": Rule("power_w", blank_to=0, blank_from=_NA),
    "gpu_energy_consumed": Rule("energy_j", scale=1e-6, blank_to=0, blank_from=2.0**63),
    "gpu_gfx_activity": Rule("utilization", scale=0.01, blank_from=_NA, merge=one_busy),
    "gpu_prof_tensor_active_percent": Rule("tensor_utilization", scale=0.01, blank_from=_NA, merge=_alone),
    "gpu_used_vram": Rule("memory_used", scale=_MIB, blank_from=2.0**32, merge=total),
    "gpu_total_vram": Rule("memory_total", scale=_MIB, blank_to=0, blank_from=2.0**32, merge=total),
    "gpu_junction_temperature": Rule("junction_c", blank_to=0, blank_from=_NA),
    "gpu_memory_temperature": Rule("memory_c", blank_to=0, blank_from=_NA),
    "gpu_hbm_temperature": Rule("hbm_c", blank_to=0, blank_from=_NA),
    "gpu_edge_temperature": Rule("edge_c", blank_to=0, blank_from=_NA),
    **{metric: Rule(metric, blank_from=_NA) for metric in _VIOLATIONS},
}

_BOARDS: Final = {
    "d65209": "mi250",
    "d67302": "mi210",
    "d67305": "mi210",
    "g30211": "mi300x",
    "g30213": "mi300x",
    "g30219": "mi308x",
    "g36212": "mi350x",
    "g36218": "mi355x",
}
"""Board part numbers (`102-G30211-0C`), as amd-smi shows them beside the market's names in public listings."""
_UNPARTITIONED: Final = frozenset({"", "na", "none", "spx"})
_FIRST: Final = frozenset({"", "na", "0"})
_NO_SERIAL: Final = frozenset({"", "0", "n/a", "na", "none", "unknown"})


def chip_of(labels: Labels) -> str | None:
    """Return the GPU's serial number, which its partitions share; in a guest that has none, its UUID."""
    serial = labels.get("serial_number", "")
    if serial.lower() not in _NO_SERIAL:
        return serial
    return labels.get("gpu_uuid") if _is_first(labels) else None


def number_of(labels: Labels) -> str | None:
    """Return the GPU's number on its machine.

    None for a further partition of a GPU that cannot be identified: its chip is counted where its first partition is.
    """
    return labels.get("gpu_id") if _is_first(labels) else None


def _is_first(labels: Labels) -> bool:
    return labels.get("gpu_partition_id", "").lower() in _FIRST


def model_of(reading: Reading) -> str:
    """Return the catalogue's name of a GPU, by its board's part number, else by the name of its series.

    A name that the catalogue does not have is made into one of the same form, never dropped.
    """
    series, part = reading.label("card_series") or "", reading.label("card_model") or ""
    if (board := re.match(r"102-(\w{6})\b", part.lower())) and board[1] in _BOARDS:
        return _BOARDS[board[1]]
    return name_of(
        series.rpartition("[")[2] or part
    )  # a code name may stand before: Aqua Vanjaram [Instinct MI300X VF]


def fields_of(reading: Reading) -> Fields:
    """Return what one GPU's reading says, but for its power, in the contract's fields and units.

    Of a partitioned GPU activity is one partition's, or of none (the exporter's release notes), and memory that of
    the GPU or of the partition, depending on the version (ROCm issue 4750): they are not reported.
    """
    values = dict(reading.values)
    if not {kind.lower() for kind in reading.labels.get("gpu_compute_partition_type", ())} <= _UNPARTITIONED:
        for name in ("utilization", "tensor_utilization", "memory_used", "memory_total"):
            values.pop(name, None)
    temperatures = [values[name] for name in ("junction_c", "memory_c", "hbm_c", "edge_c") if name in values]
    return {
        "utilization": share(values.get("utilization")),
        "tensor_utilization": share(values.get("tensor_utilization")),
        "memory_used_bytes": whole(values.get("memory_used")),
        "memory_total_bytes": whole(values.get("memory_total")),
        "temperature_c": max(temperatures, default=None),
        "throttle": throttle_of(reading),
        "energy_j": values.get("energy_j"),
    }


def throttle_of(reading: Reading) -> int | None:
    """Return the contract's throttle bits; None where the exporter reports no violations."""
    shown = {metric: reading.values[metric] for metric in _VIOLATIONS if metric in reading.values}
    if not shown:
        return None
    bits = 0
    for metric, percent in shown.items():
        if percent > 0:
            bits |= _VIOLATIONS[metric]
    return bits


def dialect(prefix: str = USUAL_PREFIX, model: str | None = None) -> Dialect:
    """Return how the pages of an exporter with that prefix are read; `model` names GPUs that do not report it."""
    # Watts are the sensor's. Of the counter we have seen no recording; AMD's own pages call its unit both microjoule
    # and nanojoule, and amdsmi, which it comes from, has shown it standing still (ROCm/amdsmi issue 38) and going back
    # (issue 115).
    return Dialect(
        exporter="AMD's device-metrics-exporter",
        chip="AMD GPU",
        platform=PLATFORM,
        url="http://127.0.0.1:5000/metrics",
        got="AMD's GPU operator runs one on every node; or install github.com/ROCm/device-metrics-exporter",
        rules={f"{start}{metric}": rule for start in dict.fromkeys((prefix, "")) for metric, rule in TABLE.items()},
        chip_of=chip_of,
        number_of=number_of,
        part_of=lambda labels: labels.get("gpu_id", WHOLE),
        host_labels=("hostname",),
        job_labels=("job_id", "pod"),
        model_of=model_of if model is None else lambda _: model,
        fields_of=fields_of,
        default_period_s=5.0,  # a read may make the exporter ask its GPUs, which it does every 15 s at most
    )


OPTIONS: Final = (
    *options(dialect(), timeout_s=10.0),
    click.Option(
        ["--prefix"],
        default=USUAL_PREFIX,
        show_default=True,
        help="Prefix of the exporter's metric names. Names without it are also read.",
    ),
    click.Option(["--model"], help="Model of these GPUs, such as mi300x.  [default: from the exporter's labels]"),
)


def open_source(
    where: Where,
    *,
    urls: Sequence[str],
    timeout_s: float,
    prefix: str,
    model: str | None,
    **access: Unpack[AccessFlags],
) -> Source:
    """Make the source of these exporters; nothing is read yet."""
    return open_exporters(dialect(prefix, model), where, urls=urls, timeout_s=timeout_s, **access)


def look(machine: Machine) -> Finding:
    """Say whether AMD's device-metrics-exporter runs on this machine."""
    return look_for(dialect(), machine)

"""What NVML's names, bits and units mean in the contract's words, whichever way they were read."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from producers.readings import Reading, hottest, share, watts, within
from schema.samples import THROTTLE_HARDWARE, THROTTLE_OTHER, THROTTLE_POWER_CAP, THROTTLE_THERMAL

POWER_ERROR_W: Final = 5.0
"""NVML's stated accuracy of the sensor, +-5 W. The counter integrates what the same sensor measures, and
nobody states a better figure for it: a difference is free of the sensor's sampling error (it watches a
quarter of the time on A100 and H100, arXiv 2312.02741), not of its calibration."""

_VALUE_MEMBERS: Final = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
"""Of nvmlValue_t, by nvmlValueType_t."""

# NVML's clocks event reasons that slow a chip down (nvml.h): idle (1) does not, and display clocks (0x100) do.
_THROTTLE: Final = {
    0x002: THROTTLE_OTHER,  # clocks set by the operator
    0x004: THROTTLE_POWER_CAP,
    0x008: THROTTLE_HARDWARE,
    0x010: THROTTLE_OTHER,  # sync boost
    0x020: THROTTLE_THERMAL,
    0x040: THROTTLE_THERMAL,
    0x080: THROTTLE_HARDWARE,  # power brake
    0x100: THROTTLE_OTHER,
}


def model_of(name: str | None) -> str:
    """Return the catalogue's name of a chip from NVML's: `NVIDIA A100-SXM4-40GB` is `a100-sxm`.

    A name that the catalogue does not have is made into one of the same form, never dropped.
    """
    plain = re.sub(r"\bMIG\b.*", "", name or "", flags=re.IGNORECASE).lower()
    words = [word for word in re.findall(r"[a-z0-9]+", plain) if word not in ("nvidia", "tesla", "graphics")]
    stacked = any(word.startswith("hbm3") for word in words)
    words = [re.sub(r"^sxm\d*$", "sxm", word) for word in words if not re.fullmatch(r"\d+gb|hbm\w*", word)]
    if words[-1:] == ["nvl"] and words[0].startswith("gb"):  # every Grace superchip is: that names no other board
        words.pop()
    if words == ["h100"] and stacked:  # NVML names the SXM board after its memory, the others after their slot
        words.append("sxm")
    return "-".join(words) or "unknown"


def throttle_of(reasons: int) -> int:
    """Return the contract's throttle bits of NVML's clocks event reasons."""
    bits = 0
    for reason, bit in _THROTTLE.items():
        if reasons & reason:
            bits |= bit
    return bits


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What NVML showed of one GPU, in its own units; None where it shows nothing.

    `usage_mw` is what nvmlDeviceGetPowerUsage calls the power: the mean of a second, on A100 and before Ampere the
    moment's. `engine_percent` and `tensor_percent` are of the time since the read before, from activity counters.
    """

    energy_mj: float | None = None
    average_mw: float | None = None
    usage_mw: float | None = None
    instant_mw: float | None = None
    busy_percent: float | None = None
    engine_percent: float | None = None
    tensor_percent: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    gpu_c: float | None = None
    memory_c: float | None = None
    reasons: int | None = None
    fault: str | None = None


def reading_of(shown: Shown) -> Reading:
    """Return that in the contract's fields and units.

    The mean power goes before the moment's, and kernel activity (`busy_percent`), which MIG mode does not have,
    before the engine's.
    """
    energy_mj = within(shown.energy_mj, 0, 2.0**64)
    powers_mw = (within(mw, 0, 2.0**32) for mw in (shown.average_mw, shown.usage_mw, shown.instant_mw))
    used, total = (within(size, 0, 2.0**50) for size in (shown.memory_used_bytes, shown.memory_total_bytes))
    reasons = within(shown.reasons, 0, 2.0**64)
    return Reading(
        energy_j=None if energy_mj is None else energy_mj / 1000,
        sensor_w=_first(watts(mw / 1000) for mw in powers_mw if mw is not None),
        utilization=_first(map(share, (shown.busy_percent, shown.engine_percent))),
        tensor_utilization=share(shown.tensor_percent),
        memory_used_bytes=None if used is None else int(used),
        memory_total_bytes=None if total is None else int(total),
        temperature_c=hottest(shown.gpu_c, shown.memory_c),
        throttle=None if reasons is None else throttle_of(int(reasons)),
        fault=shown.fault,
    )


def field_value(field: Any) -> float | None:
    """Return the number in an `nvmlFieldValue_t`, or None when the driver gave none."""
    if field.nvmlReturn != 0 or not 0 <= field.valueType < len(_VALUE_MEMBERS):
        return None
    value: float = getattr(field.value, _VALUE_MEMBERS[field.valueType])
    return value


def _first(values: Iterable[float | None]) -> float | None:
    return next((value for value in values if value is not None), None)

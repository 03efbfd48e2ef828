"""What the names, counters and units of AMD's SMI libraries mean in the contract's words.

Any of them may say "N/A", or the largest integer of its width, for what a chip does not show. Zero watts and a zero
energy counter mean that, too: the second die of an MI250X and the partitions after the first show them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from producers.readings import Reading, hottest, share, watts, within
from schema.samples import THROTTLE_OTHER, THROTTLE_POWER_CAP, THROTTLE_THERMAL

_MICRO: Final = 1e-6

# Of `amdsmi_get_gpu_metrics_info`: how long the chip was held back so far. AMD's own tool counts PROCHOT among the
# thermal violations.
_RESIDENCIES: Final = {
    "ppt_residency_acc": THROTTLE_POWER_CAP,
    "socket_thm_residency_acc": THROTTLE_THERMAL,
    "vr_thm_residency_acc": THROTTLE_THERMAL,
    "hbm_thm_residency_acc": THROTTLE_THERMAL,
    "prochot_residency_acc": THROTTLE_THERMAL,
}


def model_of(name: object) -> str:
    """Return the catalogue's name of a chip from AMD's: `AMD Instinct MI300X OAM` is `mi300x`.

    A name that is none of Instinct's is made into one of the same form, never dropped.
    """
    plain = name.lower() if isinstance(name, str) and name != "N/A" else ""
    if instinct := re.search(r"\bmi\d{2,3}[a-z]?\b", plain):
        return instinct.group()
    words = [word for word in re.findall(r"[a-z0-9]+", plain) if word not in ("amd", "ati", "instinct")]
    return "-".join(words) or "unknown"


def serial_of(value: object) -> str | None:
    """Return the silicon's serial number as amd-smi writes it; None where a virtual machine hides it."""
    if not isinstance(value, str) or not re.fullmatch(r"(0[xX])?[0-9a-fA-F]{1,16}", value):
        return None
    number = int(value, 16)
    return f"0x{number:016X}" if number else None


def number(value: object, unit: str | None = None) -> float | None:
    """Return the number in what a library or a command shows: `36`, `"36.0"` or `{"value": 36, "unit": "W"}`.

    None for "N/A", and for a quantity in another unit than this.
    """
    if isinstance(value, Mapping):
        return number(value.get("value")) if value.get("unit") == unit else None
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def throttle_of(before: Mapping[str, Any], now: Mapping[str, Any]) -> int | None:
    """Return the contract's throttle bits from two of `amdsmi_get_gpu_metrics_info`; None where nothing reports it.

    Chips older than MI300 have no residencies, and say only whether anything throttles them.
    """
    grown = {name: _growth(before.get(name), now.get(name)) for name in _RESIDENCIES}
    if any(growth is not None for growth in grown.values()):
        bits = 0
        for name, growth in grown.items():
            bits |= _RESIDENCIES[name] if growth else 0
        return bits
    status = now.get("throttle_status")
    return (THROTTLE_OTHER if status else 0) if isinstance(status, int) else None


def _growth(before: object, now: object) -> bool | None:
    values = within(before, 0, 2.0**63), within(now, 0, 2.0**63)
    return None if values[0] is None or values[1] is None else values[1] > values[0]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What amdsmi showed of one GPU, as its functions return it; empty or None where it shows nothing."""

    energy: Mapping[str, Any] = field(default_factory=dict)
    power: Mapping[str, Any] = field(default_factory=dict)
    activity: Mapping[str, Any] = field(default_factory=dict)
    memory_used_bytes: object = None
    memory_total_bytes: object = None
    hotspot_c: object = None
    memory_c: object = None
    throttle: int | None = None
    fault: str | None = None


def reading_of(shown: Shown) -> Reading:
    """Return that in the contract's fields and units.

    `current_socket_power` is what MI300 and newer have, `average_socket_power` what MI200 and older do.
    """
    powers = (shown.power.get(name) for name in ("current_socket_power", "average_socket_power", "socket_power"))
    return Reading(
        energy_j=_energy_j(shown.energy),
        sensor_w=next((known for power in powers if (known := watts(power)) is not None), None),
        utilization=share(shown.activity.get("gfx_activity")),
        memory_used_bytes=size(shown.memory_used_bytes),
        memory_total_bytes=size(shown.memory_total_bytes),
        temperature_c=hottest(shown.hotspot_c, shown.memory_c),
        throttle=shown.throttle,
        shown_at=size(shown.energy.get("timestamp"), limit=2.0**63),
        fault=shown.fault,
    )


def _energy_j(energy: Mapping[str, Any]) -> float | None:
    count = within(energy.get("energy_accumulator"), 1, 2.0**63)
    resolution_uj = within(energy.get("counter_resolution"), 1e-3, 1e6)
    return None if count is None or resolution_uj is None else count * resolution_uj * _MICRO


def size(value: object, limit: float = 2.0**50) -> int | None:
    """Return a count as a whole number; None for what is none."""
    count = within(value, 0, limit)
    return None if count is None else int(count)

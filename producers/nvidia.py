"""What NVML's names and bits mean in the contract's words, whichever way they were read."""

import re
from typing import Final

from schema.samples import THROTTLE_HARDWARE, THROTTLE_OTHER, THROTTLE_POWER_CAP, THROTTLE_THERMAL

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

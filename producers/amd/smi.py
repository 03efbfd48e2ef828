"""What AMD's commands print as JSON: `amd-smi metric` and `amd-smi static --asic`, and the older `rocm-smi`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from producers.amd.meaning import model_of, number, serial_of, size
from producers.readings import Reading, hottest, share, watts, within
from schema.samples import THROTTLE_OTHER

_MIB: Final = 2.0**20
_MICRO: Final = 1e-6
_THROTTLE: Final = {"THROTTLED": THROTTLE_OTHER, "UNTHROTTLED": 0}
_MAX_J: Final = 1e15


class AmdSmiError(ValueError):
    """That is not what the command prints."""


@dataclass(frozen=True)
class Card:
    """One GPU of a listing: its number there, its silicon's serial number where it is shown, model and reading."""

    index: str
    serial: str | None
    model: str
    reading: Reading


def cards(printed: str, asics: Mapping[str, tuple[str | None, str]]) -> list[Card]:
    """Return the GPUs of `amd-smi metric --json` or `rocm-smi --json`, each once.

    `asics` is what `asics` made of `amd-smi static`; rocm-smi tells such things itself. Raises `AmdSmiError`.
    """
    document = _document(printed)
    if isinstance(document, dict) and "gpu_data" not in document:
        return _primaries(_rocm(document))
    return _primaries(_metric(gpu, asics) for gpu in _gpus(document))


def asics(printed: str) -> dict[str, tuple[str | None, str]]:
    """Return serial number and model by the GPU's number, from `amd-smi static --asic --json`."""
    found = {}
    for gpu in _gpus(_document(printed)):
        asic = _dict(gpu.get("asic"))
        found[str(gpu.get("gpu"))] = serial_of(asic.get("asic_serial")), model_of(asic.get("market_name"))
    return found


def _document(printed: str) -> Any:
    """Decode what was printed, without the warnings that may stand before it."""
    lines = printed.splitlines()
    start = next((row for row, line in enumerate(lines) if line.startswith(("[", "{"))), None)
    if start is None:
        raise AmdSmiError("it printed no JSON")
    try:
        return json.JSONDecoder().raw_decode("\n".join(lines[start:]))[0]
    except (ValueError, RecursionError) as error:
        raise AmdSmiError(f"it printed broken JSON: {error}") from error


def _gpus(document: Any) -> list[dict[str, Any]]:
    """Return one dictionary for each GPU; newer versions wrap the list."""
    found = document.get("gpu_data") if isinstance(document, dict) else document
    if not isinstance(found, list):
        raise AmdSmiError("it printed no list of GPUs")
    return [gpu for gpu in found if isinstance(gpu, dict) and "gpu" in gpu]


def _metric(gpu: Mapping[str, Any], asics: Mapping[str, tuple[str | None, str]]) -> Card:
    usage, power, temperature, energy, memory = (
        _dict(gpu.get(name)) for name in ("usage", "power", "temperature", "energy", "mem_usage")
    )
    index = str(gpu["gpu"])
    serial, model = asics.get(index, (None, model_of(None)))
    status = power.get("throttle_status")
    reading = Reading(
        energy_j=_energy_j(number(energy.get("total_energy_consumption"), "J")),
        sensor_w=watts(number(power.get("socket_power"), "W")),
        utilization=share(number(usage.get("gfx_activity"), "%")),
        memory_used_bytes=_mib(memory.get("used_vram")),
        memory_total_bytes=_mib(memory.get("total_vram")),
        temperature_c=hottest(*(number(temperature.get(sensor), "C") for sensor in ("edge", "hotspot", "mem"))),
        throttle=_THROTTLE.get(status) if isinstance(status, str) else None,
    )
    return Card(index, serial, model, reading)


def _rocm(document: Mapping[str, Any]) -> Iterable[Card]:
    for name, shown in document.items():
        if not name.startswith("card") or not isinstance(shown, dict):
            continue
        powers = ("Current Socket Graphics Package Power (W)", "Average Graphics Package Power (W)")
        energy_uj = number(shown.get("Accumulated Energy (uJ)"))
        known = (watts(number(shown.get(power))) for power in powers)
        reading = Reading(
            energy_j=None if energy_uj is None else _energy_j(energy_uj * _MICRO),
            sensor_w=next((power_w for power_w in known if power_w is not None), None),
            utilization=share(number(shown.get("GPU use (%)"))),
            memory_used_bytes=size(number(shown.get("VRAM Total Used Memory (B)"))),
            memory_total_bytes=size(number(shown.get("VRAM Total Memory (B)"))),
            temperature_c=hottest(
                *(number(shown.get(f"Temperature (Sensor {sensor}) (C)")) for sensor in ("edge", "junction", "memory"))
            ),
        )
        model = model_of(shown.get("Card series") or shown.get("Card Series"))
        yield Card(name.removeprefix("card"), serial_of(shown.get("Unique ID")), model, reading)


def _primaries(listed: Iterable[Card]) -> list[Card]:
    """Return the first of each chip's partitions, which shows the whole chip's power, and no other.

    Activity and memory of a partition may be its own or the chip's, depending on the version: they are not reported.
    """
    found: dict[str, list[Card]] = {}
    for card in listed:
        found.setdefault(card.serial or f"/{card.index}", []).append(card)
    return [_whole(partitions) for partitions in found.values()]


def _whole(partitions: Sequence[Card]) -> Card:
    first = partitions[0]
    if len(partitions) == 1:
        return first
    known = replace(first.reading, utilization=None, memory_used_bytes=None, memory_total_bytes=None)
    return replace(first, reading=known)


def _energy_j(joules: float | None) -> float | None:
    """Return a counter that is there; the second die of an MI250X shows 0."""
    return within(joules, 0.0, _MAX_J) or None


def _mib(value: object) -> int | None:
    mebibytes = within(number(value, "MB"), 0, 2.0**30)
    return None if mebibytes is None else int(mebibytes * _MIB)


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}

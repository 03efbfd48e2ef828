"""What one report of neuron-monitor says of each device.

A report is a line of JSON with a block per runtime (a process that uses NeuronCores), each group of metrics with
the period that it covers. Cores are numbered through all devices. A core that no runtime has is not in use, so it is
idle: a reading and no guess. A group that is null or has an `error` says nothing, and then cores that no other runtime
has are unknown. See the Neuron Monitor User Guide; where real reports differ from it (`effective_flops`), both pass.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from producers.batches import fit_label
from producers.neuron.sysfs import model_of

_MAX_DEVICES: Final = 256
_MOST_CORES: Final = 8  # of a device: Trainium2 and 3 have that many, all others fewer
_MAX_PERIOD_S: Final = 3600.0
_OVERSHOOT: Final = 105.0  # percent; beyond it, it is no rounding
_MAX_BYTES: Final = 2.0**50
_MAX_TEXT: Final = 300  # characters; a pod's name has 253 at most
_MAX_DIGITS: Final = 5


class NeuronReportError(ValueError):
    """A line that is no report, or one that contradicts itself; the same fault has the same message."""


@dataclass(frozen=True)
class Usage:
    """What a report says of one device; None where it does not say.

    `utilization` is the mean over the device's cores of the share of the period in which each ran, 0 to 1; `flops`
    their operations a second, summed; `memory_used_bytes` what runtimes hold of the device's memory.
    """

    utilization: float | None = None
    flops: float | None = None
    memory_used_bytes: int | None = None
    job: str | None = None


@dataclass(frozen=True)
class Report:
    """One report. `devices` are in order of their numbers; `period_s` is None when no runtime states one.

    `memory_total_bytes` is of each device. `error` is the first that the report holds, None when it holds none.
    """

    devices: tuple[Usage, ...]
    period_s: float | None
    memory_total_bytes: int | None
    model: str | None
    error: str | None


@dataclass(frozen=True)
class _Shape:
    """How many devices there are, and how many cores in each, as reports number them."""

    devices: int
    cores: int

    def cores_of(self, device: int) -> range:
        return range(device * self.cores, (device + 1) * self.cores)


@dataclass(frozen=True)
class _Counters:
    """The cores that a runtime has, and the period over which they were counted."""

    cores: Mapping[int, Mapping[str, Any]]
    period_s: float | None


def parse(line: bytes) -> Report:
    """Return what a line says. Raises `NeuronReportError`, and nothing else."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise NeuronReportError("no JSON") from error
    if not isinstance(data, dict):
        raise NeuronReportError("no JSON object")
    hardware, instance = _dict(data, "neuron_hardware_info"), _dict(data, "instance_info")
    shape = _shape(hardware)
    runtimes = data.get("neuron_runtime_data")
    runtimes = runtimes if isinstance(runtimes, list) else [None]  # one of which nothing is known
    counters = [_counters(_group(runtime, "neuroncore_counters"), shape) for runtime in runtimes]
    memory = [_memory(_group(runtime, "memory_used"), shape) for runtime in runtimes]
    jobs = _dict(data, "neuron_k8s_info")
    return Report(
        tuple(
            Usage(*_usage(counters, shape.cores_of(device)), _held(memory, shape.cores_of(device)), job)
            for device, job in enumerate(_jobs(jobs, shape))
        ),
        _longest_s(counters),
        _bytes(hardware.get("neuron_device_memory_size")) or None,
        model_of(_text(hardware.get("neuron_device_type")), _text(instance.get("instance_type"))),
        next(_errors(hardware, runtimes), None),
    )


def _shape(hardware: Mapping[str, Any]) -> _Shape:
    """Return the shape of the machine.

    `neuroncore_per_device_count` counts logical cores: the guide's Trainium2 has 4, of 2 each, and 8 in silicon.
    A count by which a device would have more cores than any has is one of physical cores.
    """
    devices, cores = hardware.get("neuron_device_count"), hardware.get("neuroncore_per_device_count")
    if not (_is_count(devices, _MAX_DEVICES) and _is_count(cores, _MOST_CORES)):
        raise NeuronReportError(f"no count of devices and cores: {_text(hardware.get('error')) or 'nor an error'}")
    logical = hardware.get("logical_neuroncore_config")
    if _is_count(logical, _MOST_CORES) and cores * logical > _MOST_CORES:
        cores = max(1, cores // logical)
    return _Shape(devices, cores)


def _group(runtime: Any, name: str) -> Mapping[str, Any] | None:
    """Return a runtime's group of metrics; None where it, or the runtime, says nothing or has an error."""
    if not isinstance(runtime, dict) or runtime.get("error"):
        return None
    group = _dict(runtime, "report").get(name)
    return group if isinstance(group, dict) and not group.get("error") else None


def _by_core(found: Mapping[str, Any], shape: _Shape) -> dict[int, Mapping[str, Any]]:
    """Return values by the number of the core that they are of."""
    cores: dict[int, Mapping[str, Any]] = {}
    for key, values in found.items():
        number = int(key) if len(key) <= _MAX_DIGITS and key.isascii() and key.isdigit() else -1
        if not 0 <= number < shape.devices * shape.cores:
            raise NeuronReportError(f"a core that its {shape.devices} devices of {shape.cores} cores do not have")
        cores[number] = values if isinstance(values, dict) else {}
    return cores


def _counters(group: Mapping[str, Any] | None, shape: _Shape) -> _Counters | None:
    cores = None if group is None else group.get("neuroncores_in_use")
    if group is None or not isinstance(cores, dict):
        return None
    period_s = _number(group.get("period"), _MAX_PERIOD_S)
    return _Counters(_by_core(cores, shape), period_s or None)


def _longest_s(counters: Sequence[_Counters | None]) -> float | None:
    return max((runtime.period_s for runtime in counters if runtime and runtime.period_s), default=None)


def _usage(counters: Sequence[_Counters | None], cores: range) -> tuple[float | None, float | None]:
    """Return utilization and operations a second of a device.

    A runtime that came in the middle has a shorter period than the others: its values count for that share.
    """
    longest_s = _longest_s(counters)
    busy, flops = dict.fromkeys(cores, 0.0), 0.0
    seen, all_busy, all_flops = set(), True, True
    for runtime in counters:
        for core in cores:
            if runtime is None or core not in runtime.cores:
                continue
            seen.add(core)
            values = runtime.cores[core]
            weight = runtime.period_s / longest_s if runtime.period_s and longest_s else 1.0
            percent = _number(values.get("neuroncore_utilization"), _OVERSHOOT)
            rate = _first_number(values.get("flops"), values.get("effective_flops"))
            all_busy, all_flops = all_busy and percent is not None, all_flops and rate is not None
            busy[core] += (percent or 0.0) / 100 * weight
            flops += (rate or 0.0) * weight
    if None in counters and len(seen) < len(cores):
        return None, None
    utilization = sum(min(share, 1.0) for share in busy.values()) / len(cores)
    return utilization if all_busy else None, flops if all_flops else None


def _memory(group: Mapping[str, Any] | None, shape: _Shape) -> dict[int, int] | None:
    """Return the bytes of device memory that a runtime holds, by core; None where it does not say."""
    used = _dict(group or {}, "neuron_runtime_used_bytes")
    breakdown = _dict(used, "usage_breakdown").get("neuroncore_memory_usage")
    if not isinstance(breakdown, dict):
        total = _bytes(used.get("neuron_device", used.get("device")))
        return {0: total} if shape.devices == 1 and total is not None else None
    held = {}
    for core, kinds in _by_core(breakdown, shape).items():
        sizes = [_bytes(size) for size in kinds.values()]
        if None in sizes:
            return None
        held[core] = sum(size for size in sizes if size is not None)
    return held


def _held(memory: Sequence[Mapping[int, int] | None], cores: range) -> int | None:
    """Return the bytes that all runtimes hold for these cores; None when one of them does not say."""
    total = 0
    for runtime in memory:
        if runtime is None:
            return None
        total += sum(runtime.get(core, 0) for core in cores)
    return _bytes(total)


def _jobs(info: Mapping[str, Any], shape: _Shape) -> list[str | None]:
    """Return each device's `namespace/pod`; None without one, and where several share the device."""
    by_device, by_core = _dict(info, "neurondevices_k8s_info"), _dict(info, "neuroncores_k8s_info")
    jobs: list[str | None] = []
    for device in range(shape.devices):
        holders = [by_device.get(str(device)), *(by_core.get(str(core)) for core in shape.cores_of(device))]
        pods = {_pod(holder) for holder in holders if isinstance(holder, dict)} - {None}
        jobs.append(pods.pop() if len(pods) == 1 else None)
    return jobs


def _pod(holder: Mapping[str, Any]) -> str | None:
    pod, namespace = _text(holder.get("pod_name")), _text(holder.get("namespace"))
    return fit_label(f"{namespace}/{pod}" if namespace else pod) if pod else None


def _errors(hardware: Mapping[str, Any], runtimes: Sequence[Any]) -> Iterator[str]:
    for runtime in runtimes:
        if isinstance(runtime, dict):
            report = _dict(runtime, "report")
            groups = [_dict(report, name) for name in ("neuroncore_counters", "memory_used")]
            yield from (text for part in (runtime, *groups) if (text := _text(part.get("error"))))
    if text := _text(hardware.get("error")):
        yield text


def _dict(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = parent.get(name)
    return found if isinstance(found, dict) else {}


def _is_count(value: Any, most: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _number(value: Any, most: float = math.inf) -> float | None:
    """Return a finite number from 0 to `most`."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and 0 <= number <= most else None


def _first_number(*values: Any) -> float | None:
    return next((number for value in values if (number := _number(value)) is not None), None)


def _bytes(value: Any) -> int | None:
    number = _number(value, _MAX_BYTES)
    return None if number is None else int(number)


def _text(value: Any) -> str | None:
    """Return text that can be a label or a part of a message: one line, printable, so no half of a surrogate pair."""
    if not isinstance(value, str):
        return None
    text = " ".join("".join(character if character.isprintable() else " " for character in value).split())
    return text[:_MAX_TEXT] or None

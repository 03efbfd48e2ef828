"""TPUs of a GKE node, through its TPU device plugin: utilization, memory, estimated power.

One sample per chip every 10 s, the refresh of the plugin. The plugin reports no watts: power is estimated from
TensorCore and memory bandwidth utilization, with power_method "model". Duty cycle and memory are available only while a
workload runs.

Run it on every node. In a pod without host network, use the node's address: --url http://$(NODE_IP):2112/metrics.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Unpack

from producers.access import AccessFlags
from producers.discovery import Finding, Machine
from producers.estimate import CALIBRATION, Calibration, Estimate, estimate, load_calibration
from producers.exporter import Chips, Dialect, Fields, look_for, open_exporters, options, share, whole
from producers.prometheus_text import Labels, Reading, Rule
from producers.source import Source, Where
from schema.chips import catalogue

PLATFORM: Final = "tpu"
PREFERENCE: Final = 1

# The node series alone: those of a container are missing for a chip that no pod holds. All percentages are 0 to 100.
TABLE: Final = {
    "tensorcore_utilization_node": Rule("tensor_utilization", scale=0.01),
    "memory_bandwidth_utilization_node": Rule("bandwidth_utilization", scale=0.01),
    "duty_cycle_node": Rule("utilization", scale=0.01),
    "memory_used_node": Rule("memory_used"),
    "memory_total_node": Rule("memory_total", blank_to=0),
}
CONTAINER_SERIES: Final = tuple(metric.removesuffix("_node") for metric in TABLE)
"""They name the pod that holds a chip."""

_BY_HOST: Final = ("tensor_utilization", "bandwidth_utilization")
"""Read from the host's own devices, whose numbers are the host's: 0 to 3."""
_BY_RUNTIME: Final = ("utilization", "memory_used", "memory_total")
"""Asked of the workload's runtime, which numbers chips throughout the slice: 404, 405, 412, 413 on one host."""

_ACCELERATOR: Final = re.compile(r"(.+)-([0-9]{1,9})", re.DOTALL)
_MODEL: Final = re.compile(r"(?:cloud-)?tpu-?v?(\d+)(-?lite|[a-z]*)(?:-?(?:pod)?-?(?:slice|device)|pod)?")
_OURS: Final = {"5lite": "tpu-v5e", "7x": "tpu-v7"}


def chip_of(labels: Labels) -> str | None:
    """Return the accelerator's id, which is the machine's number and the chip's on it or in its slice."""
    accelerator = labels.get("accelerator_id", "")
    return accelerator if labels.get("make", "tpu").endswith("tpu") and _ACCELERATOR.fullmatch(accelerator) else None


def arranged(accelerators: Chips) -> Chips:
    """Return one reading per chip, named by machine and number, from readings by accelerator id.

    Chips are those that the host numbers. What the runtime says under numbers of its own goes to them in order, lowest
    to lowest; of more or fewer chips than the host has, it cannot be told which are meant, and is left out. Nobody
    states that order. Were it another one, then chips of one host would have each other's duty cycle and memory: no sum
    over a host changes, and watts rest on the host's numbers. Without those, the runtime's order numbers the chips.
    """
    machines: dict[str, dict[int, Reading]] = {}
    for accelerator, reading in accelerators.items():
        machine, number = accelerator.rsplit("-", 1)
        machines.setdefault(machine, {})[int(number)] = reading
    return {
        f"{machine}/{number}": reading
        for machine, numbered in machines.items()
        for number, reading in _joined(machine, numbered).items()
    }


def _joined(machine: str, numbered: Mapping[int, Reading]) -> dict[int, Reading]:
    """Return one machine's readings by the host's number of the chip."""
    told = {
        name: sorted(number for number, reading in numbered.items() if name in reading.values)
        for name in (*_BY_HOST, *_BY_RUNTIME)
    }
    by_host = sorted({number for name in _BY_HOST for number in told[name]})
    count = len(by_host or next((told[name] for name in _BY_RUNTIME if told[name]), ()))
    chips = {}
    for rank in range(count):
        sources = {name: numbered[told[name][rank]] for name in _BY_RUNTIME if len(told[name]) == count}
        number = rank
        if by_host:
            number = by_host[rank]
            sources |= {name: numbered[number] for name in _BY_HOST if name in numbered[number].values}
        chip = chips[number] = Reading({name: source.values[name] for name, source in sources.items()})
        for source in sources.values():
            for label, texts in source.labels.items():
                chip.labels.setdefault(label, set()).update(texts)
        chip.labels["machine"] = {machine}
    return chips


def model_of(reading: Reading) -> str:
    """Return the catalogue's name of a chip from GKE's: `tpu-v5-lite-podslice` is `tpu-v5e`.

    A name that the catalogue does not have is made into one of the same form, never dropped.
    """
    name = (reading.label("model", "accelerator") or "").lower()
    if not (match := _MODEL.fullmatch(name)):
        return "-".join(re.findall(r"[a-z0-9]+", name)) or "unknown"
    generation = "".join(match.groups()).replace("-", "")
    return _OURS.get(generation, f"tpu-v{generation}")


def fields_of(reading: Reading) -> Fields:
    """Return what one chip's reading says, but for its power, in the contract's fields and units."""
    values = reading.values
    return {
        "utilization": share(values.get("utilization")),
        "tensor_utilization": share(values.get("tensor_utilization")),
        "memory_used_bytes": whole(values.get("memory_used")),
        "memory_total_bytes": whole(values.get("memory_total")),
    }


def estimate_of(calibrations: Mapping[str, Calibration], reading: Reading) -> Estimate | None:
    """Return the watts of a chip by what it did; None for a model that nobody knows, or when its activity is unknown.

    The duty cycle bounds what one activity leaves open; alone it makes no watts.
    """
    model, values = model_of(reading), reading.values
    tensor, bandwidth = (values.get(name) for name in _BY_HOST)
    chip = catalogue().get(model)
    if chip is None or (tensor is None and bandwidth is None):
        return None
    return estimate(chip, tensor, bandwidth, busy=values.get("utilization"), calibration=calibrations.get(model))


def dialect(calibrations: Mapping[str, Calibration]) -> Dialect:
    """Return how the device plugin's pages are read, with what an operator measured of models."""
    return Dialect(
        exporter="GKE's TPU device plugin",
        chip="TPU",
        platform=PLATFORM,
        url="http://127.0.0.1:2112/metrics",
        got="GKE runs one on every TPU node; from a pod without host network use http://$(NODE_IP):2112/metrics",
        rules=TABLE,
        described_by=CONTAINER_SERIES,
        chip_of=chip_of,
        arranged=arranged,
        host_labels=("machine",),
        model_of=model_of,
        fields_of=fields_of,
        estimate=functools.partial(estimate_of, calibrations),
        live=True,
        default_period_s=10.0,
    )


OPTIONS: Final = (*options(dialect({})), CALIBRATION)


def open_source(
    where: Where, *, urls: Sequence[str], timeout_s: float, calibration: Path | None, **access: Unpack[AccessFlags]
) -> Source:
    """Make the source of these nodes; nothing is read from them yet."""
    return open_exporters(dialect(load_calibration(calibration)), where, urls=urls, timeout_s=timeout_s, **access)


def look(machine: Machine) -> Finding:
    """Say whether GKE's TPU device plugin runs on this machine."""
    return look_for(dialect({}), machine)

"""Google TPUs, through their runtime while a workload holds them: utilization, memory, estimated power.

TPUs publish no watts continuously. Power is estimated between idle and peak from the activity of matrix units and
memory, always with power_method "model" and a stated error; --calibration replaces the catalogue's guesses by your
measurements. The runtime (libtpu's metric service on localhost:8431, which tpu-info reads) reports duty cycle, memory
and memory bandwidth. TensorCore utilization comes from libtpu's monitoring library if a Python has it (--libtpu).
Without it, the estimate uses memory bandwidth alone and its error is larger.
"""

import importlib.util
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from producers.batches import build, fit_label
from producers.discovery import Finding, Machine
from producers.estimate import CALIBRATION, Calibration, estimate, load_calibration
from producers.flags import SECONDS
from producers.machine_name import machine_name
from producers.metering import Meter, Watch
from producers.readings import summary
from producers.source import Batch, SourceError, Tick, Where
from producers.tpu import devices as tpu_devices
from producers.tpu.devices import Key, Seats, Tpus
from producers.tpu.monitoring import MonitoringProcess, command
from producers.tpu.runtime import Reading, of_monitoring, of_service, stamps_ns
from producers.tpu.service import Runtime, UnavailableError, ask_all
from schema import chips
from schema.errors import GigawattError

PLATFORM: Final = "tpu"
PREFERENCE: Final = 0

_PORT: Final = 8431
_GKE_PLUGIN_PORT: Final = 2112
_NO_LIBTPU: Final = "none"
_FIELDS: Final = ("utilization", "tensor_utilization", "memory_used_bytes", "memory_total_bytes", "throttle")
_ADDRESS: Final = re.compile(r"unix:\S+|[^\s:/]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}")
_LOOKS_S: Final = 0.6
_MAX_CHIPS: Final = 64
_MONITORING_WITHIN_S: Final = 0.5
_MONITORING_ONCE_S: Final = 30.0


def _checked_addresses(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not _ADDRESS.fullmatch(value):
            raise click.BadParameter(f"{value} is neither HOST:PORT nor unix:PATH")
    return values


OPTIONS: Final = (
    click.Option(
        ["--address", "addresses"],
        multiple=True,
        metavar="HOST:PORT",
        callback=_checked_addresses,
        help="Metric service of a TPU runtime, or unix:PATH. With several, each reports the chips of its own process;"
        " a single one reports all chips that its process knows."
        f"  [default: localhost with the ports of TPU_RUNTIME_METRICS_PORTS, else {_PORT}]",
    ),
    click.Option(
        ["--model"],
        metavar="MODEL",
        help="Chip model, such as tpu-v5e.  [default: by the PCI ids in sysfs, otherwise TPU_ACCELERATOR_TYPE]",
    ),
    click.Option(
        ["--libtpu"],
        metavar=f"PYTHON|{_NO_LIBTPU}",
        help="Python with the package libtpu, such as the workload's, for TensorCore utilization."
        "  [default: this Python, if it has the package]",
    ),
    CALIBRATION,
    click.Option(
        ["--idle"],
        is_flag=True,
        help="Report the chips as idle, with estimated idle power, while no runtime serves metrics. Use it only on"
        " machines where every workload serves metrics.",
    ),
    click.Option(
        ["--timeout", "timeout_s"],
        type=SECONDS,
        default=2.0,
        show_default=True,
        help="Timeout of a runtime in seconds.",
    ),
)


def look(machine: Machine, *, within_s: float = _LOOKS_S) -> Finding:
    """Say whether this machine carries TPU chips, and whether anything reports them now.

    What listens where a runtime would has `within_s` to answer as one.
    """
    tpus = tpu_devices.find(machine.root)
    model = _model_here(tpus, machine.environment)
    try:
        addresses = addresses_of(machine.environment)
    except GigawattError as error:
        return Finding(str(error))
    listening = [address for address in addresses if machine.listens(*_host_port(address))]
    served, instead = _served(listening, within_s)
    if model is None:
        hint = f", but a runtime answers at {served}: gigawatt produce tpu --model MODEL" if served else ""
        return Finding(f"no known TPU: neither sysfs nor TPU_ACCELERATOR_TYPE names one{hint}")
    what = f"{tpus.chips} {model}" if tpus else model
    if served:
        return Finding(f"{what}, and a runtime that reports them at {served}", {})
    at = addresses[0]
    if machine.listens("localhost", _GKE_PLUGIN_PORT):
        return Finding(f"{what}, no runtime at {at}, but possibly GKE's device plugin; use tpu_gke")
    amiss = f", but {instead}" if instead else ""
    return Finding(f"{what}; a runtime reports them at {at} once a workload holds them{amiss}", {})


def _served(listening: Sequence[str], within_s: float) -> tuple[str | None, str | None]:
    """Return the first of these addresses at which a TPU runtime answers, else None and why what listens is none."""
    if not listening:
        return None, None  # without loading gRPC, which takes 10 MB
    runtimes = _runtimes(listening, timeout_s=within_s)
    answers = ask_all(runtimes)
    for runtime in runtimes:
        runtime.close()
    told = [address for address, answer in zip(listening, answers, strict=True) if not isinstance(answer, SourceError)]
    return (told[0], None) if told else (None, str(answers[0]))


def _model_here(tpus: Tpus | None, environment: Mapping[str, str]) -> str | None:
    by_id = tpus.model if tpus else None
    return by_id or tpu_devices.model_of(environment.get("TPU_ACCELERATOR_TYPE", ""))


def _host_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def addresses_of(environment: Mapping[str, str]) -> list[str]:
    """Return where the environment says that runtimes of this machine serve their metrics."""
    ports = [port.strip() for port in environment.get("TPU_RUNTIME_METRICS_PORTS", "").split(",") if port.strip()]
    if not all(port.isdecimal() and int(port) < 2**16 for port in ports):
        raise GigawattError(
            f"TPU_RUNTIME_METRICS_PORTS={','.join(ports)} is not a list of ports; use --address HOST:PORT"
        )
    return [f"localhost:{port}" for port in ports or [str(_PORT)]]


class TpuSource:
    """The chips of one machine, through the runtimes that hold them and through libtpu's monitoring library."""

    default_period_s = 1.0

    def __init__(
        self,
        where: Where,
        chip: chips.Chip,
        *,
        chips_here: int | None,
        runtimes: Sequence[Runtime],
        monitoring: MonitoringProcess | None,
        calibration: Calibration | None = None,
        idle: bool = False,
    ) -> None:
        self._where = where
        self._host = where.host or machine_name()
        self._chip = chip
        self._cores = tpu_devices.cores_of(chip.model)
        self._chips_here = chips_here
        self._runtimes = runtimes
        self._monitoring = monitoring
        self._calibration = calibration
        self._idle = idle
        self._seats = Seats(chips_here, len(runtimes))
        self._meters: dict[int, tuple[Watch, Meter]] = {}

    def read(self, tick: Tick) -> list[Batch]:
        """Return the samples of the chips that anything reports.

        Raises `SourceError` with them when something that should have told did not, and when nothing does.
        """
        readings, failures = self._ask_runtimes()
        readings |= self._ask_monitoring(readings)
        if not readings and not failures:
            if self._idle and self._chips_here is not None:
                readings = dict.fromkeys(range(self._chips_here), (Reading(utilization=0.0), ()))
            else:
                at = " or ".join(runtime.address for runtime in self._runtimes)
                failures = [f"no TPU runtime at {at}; metrics are served only while a workload holds the chips"]
        if self._monitoring is not None and self._monitoring.failure:
            failures.append(self._monitoring.failure)
        batches = self._batches(tick, readings)
        if failures:
            raise SourceError(summary(failures), batches=batches)
        return batches

    def close(self) -> None:
        """Close the connections, and end the helper."""
        for runtime in self._runtimes:
            runtime.close()
        if self._monitoring is not None:
            self._monitoring.close()

    def _ask_runtimes(self) -> tuple["_Readings", list[str]]:
        """Return what the runtimes tell, by the chip's place, and why one did not that is there."""
        told: dict[Key, _Reading] = {}
        failures: list[str] = []
        for number, (runtime, answers) in enumerate(zip(self._runtimes, ask_all(self._runtimes), strict=True)):
            if isinstance(answers, SourceError):
                failures += [] if isinstance(answers, UnavailableError) else [str(answers)]
                continue
            found = of_service(answers, self._cores)
            if not 0 < len(found) <= _MAX_CHIPS:
                failures.append(f"{runtime.address} reports {len(found)} chips; check whether it is a TPU runtime")
                continue
            stamps = stamps_ns(answers)
            told |= {(number, chip): (reading, stamps) for chip, reading in found.items()}
        readings: _Readings = {}
        for key, place in self._seats.place(list(told)).items():
            reading, stamps = told[key]
            known, before = readings.get(place, (Reading(), ()))
            readings[place] = (known.or_more(reading), before + stamps)
        return readings, failures

    def _ask_monitoring(self, readings: "_Readings") -> "_Readings":
        """Return all chips that the library reports, each with what a runtime has reported of it before all else."""
        if self._monitoring is None:
            return {}
        within_s = _MONITORING_ONCE_S if self._where.once else _MONITORING_WITHIN_S
        found = of_monitoring(self._monitoring.read(within_s), self._cores, self._chips_here)
        if self._chips_here is None and readings and len(found) != len(readings):
            return {}  # which of its chips are those of the runtimes is not known
        return {
            place: (readings[place][0].filled_from(reading) if place in readings else reading, ())
            for place, reading in found.items()
        }

    def _batches(self, tick: Tick, readings: "_Readings") -> list[Batch]:
        rows = []
        for place, (reading, stamps) in sorted(readings.items()):
            estimated = estimate(
                self._chip,
                reading.tensor_utilization,
                reading.memory_bandwidth_utilization,
                busy=reading.utilization,
                calibration=self._calibration,
            )
            watch, meter = self._meters.setdefault(place, (Watch(), Meter()))
            # A service that dates its values shows in the date that they are new; one that does not is asked anew.
            sight = watch.see(tick, stamps or tick.ts_ms)
            rectangle = meter.step(tick, sight, None, estimated.power_w if estimated else None)
            if rectangle is not None:
                rows.append((place, reading, rectangle.interval_ms, estimated))
        if not rows:
            return []
        host = fit_label(self._host)
        columns: dict[str, Any] = {
            "ts": tick.ts_ms,
            "interval_ms": [interval_ms for _, _, interval_ms, _ in rows],
            "site": self._where.site,
            "fleet": self._where.fleet,
            "platform": PLATFORM,
            "model": fit_label(self._chip.model),
            "host": host,
            "chip": [fit_label(f"{self._host}/{place}") for place, _, _, _ in rows],
            "power_w": [estimated and estimated.power_w for _, _, _, estimated in rows],
            "power_method": [estimated and "model" for _, _, _, estimated in rows],
            "power_error_w": [estimated and estimated.error_w for _, _, _, estimated in rows],
        }
        columns |= {name: [getattr(reading, name) for _, reading, _, _ in rows] for name in _FIELDS}
        return [Batch(host, build(len(rows), columns))]


_Reading = tuple[Reading, tuple[int, ...]]
"""What is known of a chip, and the service's own times of it."""
_Readings = dict[int, _Reading]
"""By the chip's place on the machine."""


def open_source(
    where: Where,
    *,
    addresses: Sequence[str],
    model: str | None,
    libtpu: str | None,
    calibration: Path | None,
    idle: bool,
    timeout_s: float,
    machine: Machine | None = None,
) -> TpuSource:
    """Make the source of this machine's chips; nothing is read yet."""
    machine = machine or Machine()
    tpus = tpu_devices.find(machine.root)
    if idle and tpus is None:
        raise GigawattError("--idle: sysfs shows no TPU chips")
    calibrations = load_calibration(calibration)
    name = model or _model_here(tpus, machine.environment)
    if name is None:
        raise GigawattError(
            "neither sysfs nor TPU_ACCELERATOR_TYPE names the TPU model; set --model, for example tpu-v5e"
        )
    chip = _chip(name, calibrations, tpus)
    at = list(addresses) or addresses_of(machine.environment)
    python = libtpu or (sys.executable if importlib.util.find_spec("libtpu") else _NO_LIBTPU)
    return TpuSource(
        where,
        chip,
        chips_here=tpus.chips if tpus else None,
        runtimes=_runtimes(list(dict.fromkeys(at)), timeout_s=timeout_s),
        monitoring=None if python == _NO_LIBTPU else MonitoringProcess(command(python)),
        calibration=calibrations.get(name),
        idle=idle,
    )


def _runtimes(addresses: Sequence[str], *, timeout_s: float) -> list[Runtime]:
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # or each runtime that ends writes to standard error
    import grpc  # noqa: PLC0415  only this source needs it
    from tpu_info.proto import tpu_metric_service_pb2, tpu_metric_service_pb2_grpc  # noqa: PLC0415

    return [
        Runtime(
            address,
            timeout_s=timeout_s,
            own_chips=len(addresses) > 1,
            grpc=grpc,
            messages=tpu_metric_service_pb2,
            stub=tpu_metric_service_pb2_grpc.RuntimeMetricServiceStub,
        )
        for address in addresses
    ]


def _chip(model: str, calibrations: Mapping[str, Calibration], tpus: Tpus | None) -> chips.Chip:
    """Return the catalogue's chip of that model; one that it does not have needs a calibration."""
    if model in calibrations and model not in chips.catalogue():
        return chips.Chip(model, PLATFORM, chips_per_host=tpus.chips if tpus else 1)
    chip = chips.chip(model)
    if chip.platform != PLATFORM:
        raise GigawattError(
            f"{model} is not a TPU; set --model to the model of this machine's chips, for example tpu-v5e"
        )
    return chip

"""AMD Instinct GPUs, through this machine's driver: energy, power, utilization, memory, temperature, throttling.

One sample per GPU and second, through ROCm's own Python package amdsmi, which is loaded from ROCm's directory. Power
comes from the energy counter once the counter agrees with the sensor, and from the sensor until then. A partitioned GPU
is one chip and is counted once. Without that package, use --smi to read a command.
"""

import contextlib
import importlib
import importlib.util
import operator
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from producers.amd.command import CommandSource
from producers.amd.meaning import Shown, model_of, reading_of, serial_of, throttle_of
from producers.devices import TIMEOUT, DeviceSource, Questions, Session, Verdict, one_line
from producers.discovery import Finding, Machine
from producers.readings import Chip, HostMeters, Reading
from producers.source import Source, SourceError, Tick, Where
from schema.errors import GigawattError

PLATFORM: Final = "amd"
PREFERENCE: Final = 0

OPTIONS: Final = (
    click.Option(
        ["--rocm"],
        type=click.Path(path_type=Path),
        metavar="DIR",
        default=Path("/opt/rocm"),
        envvar="ROCM_PATH",
        show_default=True,
        show_envvar=True,
        help="Directory of ROCm. Its Python package is preferred to an installed one, whose version may differ.",
    ),
    click.Option(
        ["--smi"],
        metavar="COMMAND",
        help="Run this command at each read instead of using the library: `amd-smi`, `rocm-smi`, or for example"
        " `docker exec NAME amd-smi`. It takes about a second of CPU time and runs every 10 s unless --period is set.",
    ),
    TIMEOUT,
)

_PACKAGE: Final = Path("share/amd_smi")
_GET: Final = "install ROCm's package amd-smi-lib, or set a command with --smi"
_COMMAND_TIMEOUT_S: Final = 20.0
_COPIES: Final = 5
"""Reads with the same time in a row, after which the operator is warned."""

_VERDICTS: Final = {  # amdsmi_status_t in amdsmi.h; what is not here is a fault
    2: Verdict.ABSENT,  # not supported
    3: Verdict.ABSENT,  # not yet implemented
    5: Verdict.ABSENT,  # no such function in this version
    10: Verdict.ABSENT,  # no permission
    31: Verdict.DEVICE_LOST,  # device not found
    32: Verdict.DRIVER_LOST,  # not initialized
    34: Verdict.DRIVER_LOST,  # driver not loaded
    40: Verdict.ABSENT,  # no data
    52: Verdict.ABSENT,  # no such file: an older driver does not have it
}


def _verdict(error: Exception) -> Verdict:
    if isinstance(error, AttributeError):  # an older package does not have the function
        return Verdict.ABSENT
    return _VERDICTS.get(getattr(error, "err_code", None) or 0, Verdict.FAULT)


class Gpu:
    """One whole GPU: its first partition, if it has several."""

    def __init__(self, amdsmi: Any, handle: Any, chip: Chip, *, partitioned: bool) -> None:
        self.chip = chip
        self._amdsmi = amdsmi
        self._handle = handle
        self._partitioned = partitioned
        self._metrics: Mapping[str, Any] = {}
        self._shown_at: int | None = None
        self._copies = 0

    def read(self, tick: Tick) -> Reading:  # noqa: ARG002  part of a device
        """Ask for everything, each by itself."""
        amdsmi, handle = self._amdsmi, self._handle
        questions = Questions(self.chip, _verdict)
        ask = questions.ask
        before = self._metrics
        # Not amdsmi_get_violation_status, which waits for a tenth of a second between two of these.
        self._metrics = ask("throttling", lambda: amdsmi.amdsmi_get_gpu_metrics_info(handle)) or {}
        energy = ask("energy", lambda: amdsmi.amdsmi_get_energy_count(handle)) or {}
        power = ask("power", lambda: amdsmi.amdsmi_get_power_info(handle)) or {}
        activity: Mapping[str, Any] = {}
        used = total = None
        if not self._partitioned:  # else activity and memory may be those of one partition, or of all
            activity = ask("utilization", lambda: amdsmi.amdsmi_get_gpu_activity(handle)) or {}
            used = ask("memory", lambda: amdsmi.amdsmi_get_gpu_memory_usage(handle, amdsmi.AmdSmiMemoryType.VRAM))
            total = ask("memory", lambda: amdsmi.amdsmi_get_gpu_memory_total(handle, amdsmi.AmdSmiMemoryType.VRAM))
        hotspot_c, memory_c = (self._celsius(ask, sensor) for sensor in ("HOTSPOT", "VRAM"))
        return reading_of(
            Shown(
                energy=energy, power=power, activity=activity, memory_used_bytes=used, memory_total_bytes=total,
                hotspot_c=hotspot_c, memory_c=memory_c, throttle=throttle_of(before, self._metrics),
                fault=questions.fault or self._copied(energy.get("timestamp")),
            )
        )  # fmt: skip

    def _celsius(self, ask: Callable[..., Any], sensor: str) -> Any:
        amdsmi = self._amdsmi
        return ask(
            "temperature",
            lambda: amdsmi.amdsmi_get_temp_metric(
                self._handle, amdsmi.AmdSmiTemperatureType[sensor], amdsmi.AmdSmiTemperatureMetric.CURRENT
            ),
        )

    def _copied(self, shown_at: int | None) -> str | None:
        """Return a complaint when the library shows one old reading again and again, as ROCm 6.0 and 6.1 may."""
        again = shown_at is not None and shown_at == self._shown_at
        self._shown_at, self._copies = shown_at, self._copies + 1 if again else 0
        if self._copies < _COPIES:
            return None
        return f"{self.chip.name} repeats the same reading: update ROCm, or restart this producer"


class AmdDriver:
    """ROCm's library; `amdsmi` is the module of that name, or what stands in for it."""

    def __init__(self, amdsmi: Any, host: str) -> None:
        self._amdsmi = amdsmi
        self._host = host

    def open(self) -> Session:
        """Begin a session with the first partition of each GPU."""
        try:
            self._amdsmi.amdsmi_init()
        except Exception as error:
            raise SourceError(
                f"cannot query the AMD driver: {one_line(error)}; run amd-smi list for details"
            ) from error
        failures: list[str] = []
        chips: dict[str, list[_Part]] = {}
        try:
            handles = self._amdsmi.amdsmi_get_processor_handles()
        except Exception as error:
            self.close()
            raise SourceError(f"the AMD driver does not list its GPUs: {one_line(error)}") from error
        for index, handle in enumerate(handles):
            try:
                found = self._identify(index, handle)
            except Exception as error:  # noqa: BLE001  whatever it is, it is this GPU's
                failures.append(f"GPU {index} cannot be opened: {one_line(error)}")
            else:
                if found is not None:
                    chips.setdefault(found[1].name, []).append(found)
        if not chips:
            self.close()
            raise SourceError(
                failures[0] if failures else "the AMD driver reports no GPU; run amd-smi list for details"
            )
        gpus = []
        for partitions in chips.values():
            _, chip, handle = min(partitions, key=operator.itemgetter(0))
            gpus.append(Gpu(self._amdsmi, handle, chip, partitioned=len(partitions) > 1))
        return Session(gpus, failures, len(handles))

    def count(self) -> int:
        """Return the number of GPUs, or of all their partitions."""
        return len(self._amdsmi.amdsmi_get_processor_handles())

    def close(self) -> None:
        """End the session, if it has not ended by itself."""
        with contextlib.suppress(Exception):
            self._amdsmi.amdsmi_shut_down()

    def _identify(self, index: int, handle: Any) -> "_Part | None":
        """Return what a handle is of. Partitions have one serial number: without, only the first has a place."""
        amdsmi = self._amdsmi
        asic = _told(lambda: amdsmi.amdsmi_get_gpu_asic_info(handle)) or {}
        model, serial = model_of(asic.get("market_name")), serial_of(asic.get("asic_serial"))
        kfd = _told(lambda: amdsmi.amdsmi_get_gpu_kfd_info(handle)) or {}
        partition = kfd.get("current_partition_id")
        if serial is not None:
            return partition if isinstance(partition, int) else index, Chip(serial, model), handle
        if isinstance(partition, int) and partition > 0:
            return None
        place = _told(lambda: amdsmi.amdsmi_get_gpu_device_bdf(handle)) or index
        return 0, Chip(f"{self._host}/{place}", model), handle


_Part = tuple[int, Chip, Any]
"""Number of a partition, chip and handle."""


def _told(ask: Callable[[], Any]) -> Any:
    """Return the answer, None where the device or this version of the library has none."""
    try:
        return ask()
    except Exception as error:
        if _verdict(error) is Verdict.ABSENT:
            return None
        raise


def load(rocm: Path) -> Any:
    """Import ROCm's Python package, which lies in its folder; else an installed one. Raises `GigawattError`."""
    folder = str(rocm / _PACKAGE)
    sys.path.insert(0, folder)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # it prints what it misses, and samples may go there
            return importlib.import_module("amdsmi")
    except ModuleNotFoundError as error:
        raise GigawattError(f"the Python package amdsmi is neither in {folder} nor installed; {_GET}") from error
    except Exception as error:
        raise GigawattError(f"amdsmi cannot load libamd_smi.so ({one_line(error)}); {_GET}") from error
    finally:
        sys.path.remove(folder)


def open_source(where: Where, *, rocm: Path, smi: str | None, timeout_s: float) -> Source:
    """Make the source; the driver or the command is asked at the first read."""
    if smi is None:
        return source_of(load(rocm), where, timeout_s=timeout_s)
    try:
        command = shlex.split(smi)
    except ValueError as error:
        raise GigawattError(f"--smi {smi} is not a command: {error}") from error
    if not command:
        raise GigawattError("--smi is empty; set a command")
    return CommandSource(command, _meters(where), timeout_s=max(timeout_s, _COMMAND_TIMEOUT_S))


def source_of(amdsmi: Any, where: Where, *, timeout_s: float) -> DeviceSource:
    """Make the source that reads through `amdsmi`, the module of that name or what stands in for it."""
    meters = _meters(where)
    return DeviceSource(AmdDriver(amdsmi, meters.host), meters, timeout_s=timeout_s)


def _meters(where: Where) -> HostMeters:
    return HostMeters(where, PLATFORM, power_error_w=None, doubted=True)  # AMD states no accuracy


def _is_installed() -> bool:
    return importlib.util.find_spec("amdsmi") is not None


def look(machine: Machine, is_installed: Callable[[], bool] = _is_installed) -> Finding:
    """Say whether the driver is here, and by which way it can be read, without a call into it."""
    if not (machine.root / "dev/kfd").exists():
        return Finding("no AMD GPU driver: /dev/kfd is missing")
    rocm = Path(machine.environment.get("ROCM_PATH") or "/opt/rocm")
    if (machine.root / rocm.relative_to(rocm.anchor) / _PACKAGE / "amdsmi").is_dir():
        return Finding(f"AMD GPUs, and ROCm's library in {rocm}", {"rocm": rocm})
    if is_installed():
        return Finding("AMD GPUs, and an installed package amdsmi", {})
    for command in ("amd-smi", "rocm-smi"):
        if found := machine.which(command):
            return Finding(f"AMD GPUs, and {found}", {"smi": found})
    return Finding(f"AMD GPUs, but neither ROCm's library in {rocm} nor amd-smi; {_GET}")

"""NVIDIA GPUs, through this machine's driver: energy, power, utilization, memory, temperature, throttling.

One sample per GPU and second, through NVML, without an exporter. Power comes from the energy counter, which is exact
over any gap, and from the sensor until two counter readings exist. A GPU in MIG mode is one chip and is counted once.
Tensor activity is available from the second read on, on Hopper and newer.
"""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click

from producers.devices import TIMEOUT, DeviceSource, Questions, Session, Verdict
from producers.discovery import Finding, Machine
from producers.nvidia import POWER_ERROR_W, Shown, field_value, model_of, reading_of
from producers.readings import Chip, HostMeters, Reading
from producers.source import SourceError, Tick, Where
from schema.errors import GigawattError
from schema.files import read_bytes

PLATFORM: Final = "nvidia"
PREFERENCE: Final = 0

SCOPES: Final = {"gpu": 0, "module": 1}
"""NVML_POWER_SCOPE_*. What 2 means, nvml.h says in two ways: it is not offered."""

_MAX_FILE_BYTES: Final = 4096

OPTIONS: Final = (
    click.Option(
        ["--power-scope"],
        type=click.Choice(list(SCOPES)),
        default="gpu",
        show_default=True,
        help="What the power covers: the GPU with its memory, or on Grace superchips the module with its CPU. Two GPUs"
        " of one module may each report the whole module: compare with a meter before you add them up.",
    ),
    TIMEOUT,
)

LIBRARY: Final = "libnvidia-ml.so.1"
_SAMPLES_APART_MS: Final = 100
"""nvml.h: two samples of the activity counters are to be further apart than this."""
_ENGINE, _TENSOR = 1, 5
"""NVML_GPM_METRIC_GRAPHICS_UTIL and _ANY_TENSOR_UTIL, in percent of the time."""

_VERDICTS: Final = {  # nvmlReturn_t in nvml.h; what is not here is a fault
    1: Verdict.DRIVER_LOST,  # uninitialized
    2: Verdict.ABSENT,  # invalid argument: an older driver does not know what was asked for
    3: Verdict.ABSENT,  # not supported
    4: Verdict.ABSENT,  # no permission
    9: Verdict.DRIVER_LOST,  # driver not loaded
    13: Verdict.ABSENT,  # function not found
    15: Verdict.DEVICE_LOST,  # GPU is lost
    18: Verdict.DRIVER_LOST,  # the driver was exchanged under the library
    21: Verdict.ABSENT,  # no data
    25: Verdict.ABSENT,  # argument version mismatch
    26: Verdict.ABSENT,  # deprecated
    27: Verdict.ABSENT,  # not ready
    28: Verdict.DEVICE_LOST,  # GPU not found
}
_REASONS: Final = {
    4: "this user has no access to the NVIDIA driver; /dev/nvidiactl must be readable and writable",
    9: "the NVIDIA driver is not loaded; run nvidia-smi for details",
    12: f"{LIBRARY} is missing; install the NVIDIA driver, or give the container the driver's utility capability",
    18: "the NVIDIA driver and its library have different versions; reload the driver, or restart the machine",
}


def _verdict(error: Exception) -> Verdict:
    return _VERDICTS.get(getattr(error, "value", -1), Verdict.FAULT)


class Activity:
    """What a GPU's activity counters (GPM) say of the time between two reads: nobody has to wait for the second."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle
        self._older, self._newer = nvml.nvmlGpmSampleAlloc(), nvml.nvmlGpmSampleAlloc()
        self._taken_ms: int | None = None
        self._metrics = nvml.c_nvmlGpmMetricsGet_t()
        self._metrics.version = nvml.NVML_GPM_METRICS_GET_VERSION

    def read(self, now_ms: int) -> dict[int, float]:
        """Return percentages by metric since the sample before; empty when there is none, or a too recent one."""
        before_ms, self._taken_ms = self._taken_ms, None
        if before_ms is not None and 0 <= now_ms - before_ms <= _SAMPLES_APART_MS:
            self._taken_ms = before_ms
            return {}
        self._older, self._newer = self._newer, self._older
        self._nvml.nvmlGpmSampleGet(self._handle, self._newer)
        self._taken_ms = now_ms
        if before_ms is None:
            return {}
        asked = self._metrics
        asked.sample1, asked.sample2 = self._older, self._newer
        asked.numMetrics = 2
        asked.metrics[0].metricId, asked.metrics[1].metricId = _ENGINE, _TENSOR
        self._nvml.nvmlGpmMetricsGet(asked)
        told = asked.metrics[: asked.numMetrics]
        return {metric.metricId: metric.value for metric in told if metric.nvmlReturn == 0}

    def close(self) -> None:
        """Free both samples."""
        for sample in (self._older, self._newer):
            self._nvml.nvmlGpmSampleFree(sample)


class Gpu:
    """One whole GPU, never one of its MIG instances."""

    def __init__(self, nvml: Any, handle: Any, chip: Chip, scope: int) -> None:
        self.chip = chip
        self._nvml = nvml
        self._handle = handle
        self._scope = scope
        self._activity: Activity | None = None
        with suppress(nvml.NVMLError):  # a driver or a GPU from before there were such counters
            if nvml.nvmlGpmQueryDeviceSupport(handle).isSupportedDevice:
                self._activity = Activity(nvml, handle)

    def read(self, tick: Tick) -> Reading:
        """Ask for everything, each by itself."""
        return reading_of(self._shown(tick))

    def close(self) -> None:
        """Let go of what was allocated for it."""
        if self._activity is not None:
            self._activity.close()

    def _shown(self, tick: Tick) -> Shown:
        nvml, handle, activity = self._nvml, self._handle, self._activity
        questions = Questions(self.chip, _verdict)
        ask = questions.ask
        energy_mj, average_mw, instant_mw, memory_c = self._fields(ask)
        usage_mw = None
        if self._scope == SCOPES["gpu"]:
            if energy_mj is None:
                energy_mj = ask("energy", lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle))
            if average_mw is None:
                usage_mw = ask("power", lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        elif energy_mj is average_mw is instant_mw is None:
            questions.fault = f"{self.chip.name} reports no power of a module; remove --power-scope"
        active = {} if activity is None else ask("activity", lambda: activity.read(tick.ts_ms)) or {}
        memory = ask(
            "memory",
            lambda: nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2),  # `used` without what is reserved
            lambda: nvml.nvmlDeviceGetMemoryInfo(handle),
        )
        return Shown(
            energy_mj=energy_mj,
            average_mw=average_mw,
            usage_mw=usage_mw,
            instant_mw=instant_mw,
            busy_percent=ask("utilization", lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            engine_percent=active.get(_ENGINE),
            tensor_percent=active.get(_TENSOR),
            memory_used_bytes=memory and memory.used,
            memory_total_bytes=memory and memory.total,
            gpu_c=ask(
                "temperature",
                lambda: nvml.nvmlDeviceGetTemperatureV(handle, nvml.NVML_TEMPERATURE_GPU),
                lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
            ),
            memory_c=memory_c,
            reasons=ask(
                "throttling",
                lambda: nvml.nvmlDeviceGetCurrentClocksEventReasons(handle),
                lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle),
            ),
            fault=questions.fault,
        )

    def _fields(self, ask: Callable[..., Any]) -> list[float | None]:
        """Return energy, mean power, power of the moment and memory temperature: one call for all of them."""
        nvml, scope = self._nvml, self._scope
        asked = [
            (nvml.NVML_FI_DEV_ENERGY, scope),
            (nvml.NVML_FI_DEV_POWER_AVERAGE, scope),
            (nvml.NVML_FI_DEV_POWER_INSTANT, scope),
            (nvml.NVML_FI_DEV_MEMORY_TEMP, 0),
        ]
        fields = ask("fields", lambda: nvml.nvmlDeviceGetFieldValues(self._handle, asked))
        return [None] * len(asked) if fields is None else [field_value(field) for field in fields]


class NvmlDriver:
    """NVML; `nvml` is the module `pynvml`, or what stands in for it."""

    def __init__(self, nvml: Any, scope: int) -> None:
        self._nvml = nvml
        self._scope = scope
        self._gpus: list[Gpu] = []

    def open(self) -> Session:
        """Begin a session with all GPUs that answer."""
        nvml = self._nvml
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            raise SourceError(_REASONS.get(error.value, f"NVML cannot be started: {error}")) from error
        self._gpus, failures = [], []
        try:
            count = self.count()
        except nvml.NVMLError as error:
            self.close()
            raise SourceError(f"NVML cannot count its GPUs: {error}") from error
        for index in range(count):
            try:
                self._gpus.append(self._gpu(index))
            except nvml.NVMLError as error:
                failures.append(f"GPU {index} cannot be opened: {error}")
        if not self._gpus:
            self.close()
            raise SourceError(
                failures[0] if failures else "the NVIDIA driver reports no GPU; run nvidia-smi for details"
            )
        return Session(tuple(self._gpus), failures, count)

    def count(self) -> int:
        """Return the number of GPUs, lost ones included."""
        count: int = self._nvml.nvmlDeviceGetCount()
        return count

    def close(self) -> None:
        """End the session, if it has not ended by itself."""
        gpus, self._gpus = self._gpus, []
        for gpu in gpus:
            with suppress(self._nvml.NVMLError):
                gpu.close()
        with suppress(self._nvml.NVMLError):
            self._nvml.nvmlShutdown()

    def _gpu(self, index: int) -> Gpu:
        handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
        uuid = self._nvml.nvmlDeviceGetUUID(handle)
        name = None
        with suppress(self._nvml.NVMLError):
            name = self._nvml.nvmlDeviceGetName(handle)
        return Gpu(self._nvml, handle, Chip(uuid, model_of(name)), self._scope)


def open_source(where: Where, *, power_scope: str, timeout_s: float) -> DeviceSource:
    """Make the source; the driver is asked at the first read."""
    try:
        import pynvml  # noqa: PLC0415  a vendor's library is loaded by its own source only
    except ImportError as error:
        raise GigawattError("pynvml is missing; install nvidia-ml-py") from error
    return source_of(pynvml, where, power_scope=power_scope, timeout_s=timeout_s)


def source_of(nvml: Any, where: Where, *, power_scope: str, timeout_s: float) -> DeviceSource:
    """Make the source that reads through `nvml`, the module `pynvml` or what stands in for it."""
    meters = HostMeters(where, PLATFORM, power_error_w=POWER_ERROR_W)
    return DeviceSource(NvmlDriver(nvml, SCOPES[power_scope]), meters, timeout_s=timeout_s)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def look(machine: Machine, loads: Callable[[str], bool] = _loads) -> Finding:
    """Say whether the driver is here, without a call into it: those may take long, and hang."""
    try:
        gpus = sorted((machine.root / "proc/driver/nvidia/gpus").iterdir())
        models = {line.partition(":")[2].strip() for gpu in gpus for line in _model_lines(gpu / "information")}
    except OSError:
        gpus, models = [], set()
    if not gpus and not (machine.root / "dev/nvidiactl").exists():
        return Finding("no NVIDIA driver: /dev/nvidiactl is missing")
    if not loads(LIBRARY):
        return Finding(f"an NVIDIA driver, but {_REASONS[12]}")
    count = f"{len(gpus)} GPU{'s' * (len(gpus) != 1)}" if gpus else "GPUs"
    return Finding(f"{count} with the NVIDIA driver: {', '.join(sorted(models)) or 'unknown model'}", options={})


def _model_lines(path: Path) -> list[str]:
    """Return the lines of a GPU's information file that name its model."""
    return [
        line
        for line in read_bytes(path, _MAX_FILE_BYTES).decode("utf-8", "replace").splitlines()
        if line.startswith("Model:")
    ]

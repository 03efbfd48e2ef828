"""A machine with NVIDIA GPUs, written by us: the functions of pynvml with its real enums, structures and errors."""
# ruff: noqa: N802  the names are pynvml's

import ctypes

import pynvml

NOT_SUPPORTED = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


def error(code):
    """Return the library's error of that name, as `GPU_IS_LOST`."""
    return pynvml.NVMLError(getattr(pynvml, f"NVML_ERROR_{code}"))


class Gpu:
    """One GPU, whose counter counts `step_mj` with each read; any attribute may be an error, which is raised instead.

    `before_read` may change it, or hang.
    """

    def __init__(self, number=0, **shown):
        self.uuid = f"GPU-{number}"
        self.name = "NVIDIA H100 80GB HBM3"
        self.handle = None
        self.energy_mj = 750_000
        self.step_mj = 250_000
        self.average_mw = 300_000
        self.instant_mw = 320_000
        self.usage_mw = NOT_SUPPORTED
        self.energy_call_mj = NOT_SUPPORTED
        self.busy = 73
        self.engine = 70.0
        self.tensor = 41.5
        self.gpm = True
        self.memory = (80 * 2**30, 2**30, 50 * 2**30)  # total, reserved, used
        self.gpu_c = 61
        self.memory_c = 70
        self.reasons = 0
        self.module = {}  # what fields show at the module's scope
        self.gpm_samples = []
        self.before_read = lambda: None
        self.__dict__.update(shown)


def _told(value):
    if isinstance(value, Exception):
        raise value
    return value


class Machine:
    """Stands for the module `pynvml`. `start` and `alive` may be errors: of nvmlInit, and of all that follows it."""

    def __init__(self, *gpus):
        self.gpus = list(gpus)
        self.start = self.alive = None
        self.sessions = self.open_sessions = 0
        self.samples = {}

    def __getattr__(self, name):
        """Give constants, structures and error classes of the real library, and none of its functions."""
        found = getattr(pynvml, name)
        if callable(found) and not isinstance(found, type):
            raise AttributeError(f"the stand-in has no {name}")  # noqa: TRY004  what a missing attribute raises
        return found

    def _gpu(self, handle):
        _told(self.alive)
        return _told(handle)

    def nvmlInit(self):
        _told(self.start)
        self.sessions += 1
        self.open_sessions += 1

    def nvmlShutdown(self):
        self.open_sessions -= 1

    def nvmlDeviceGetCount(self):
        _told(self.alive)
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index):
        _told(self.gpus[index].handle)
        return self.gpus[index]

    def nvmlDeviceGetUUID(self, gpu):
        return _told(gpu.uuid)

    def nvmlDeviceGetName(self, gpu):
        return _told(gpu.name)

    def nvmlDeviceGetFieldValues(self, gpu, asked):
        gpu.before_read()
        _told(self.alive)
        _told(gpu.handle)
        if isinstance(gpu.energy_mj, int):
            gpu.energy_mj += gpu.step_mj
        at_gpu = {83: gpu.energy_mj, 191: gpu.energy_mj, 185: gpu.average_mw, 186: gpu.instant_mw, 82: gpu.memory_c}
        values = (pynvml.c_nvmlFieldValue_t * len(asked))()
        for value, (field, scope) in zip(values, asked, strict=True):
            shown = at_gpu[field] if scope == 0 else gpu.module.get(field, NOT_SUPPORTED)
            value.fieldId, value.scopeId = field, scope
            if isinstance(shown, Exception):
                value.nvmlReturn = shown.value
            elif field in (83, 191):
                value.valueType, value.value.ullVal = pynvml.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG, shown
            else:
                value.valueType, value.value.uiVal = pynvml.NVML_VALUE_TYPE_UNSIGNED_INT, shown
        return values

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu):
        return _told(gpu.energy_call_mj)

    def nvmlDeviceGetPowerUsage(self, gpu):
        return _told(gpu.usage_mw)

    def nvmlDeviceGetUtilizationRates(self, gpu):
        return pynvml.c_nvmlUtilization_t(gpu=_told(gpu.busy), memory=0)

    def nvmlDeviceGetMemoryInfo(self, gpu, version=None):
        total, reserved, used = _told(gpu.memory)
        if version == pynvml.nvmlMemory_v2:
            return pynvml.c_nvmlMemory_v2_t(total=total, reserved=reserved, used=used)
        return pynvml.c_nvmlMemory_t(total=total, used=used + reserved)

    def nvmlDeviceGetTemperatureV(self, gpu, sensor):
        assert sensor == pynvml.NVML_TEMPERATURE_GPU
        return _told(gpu.gpu_c)

    def nvmlDeviceGetTemperature(self, gpu, sensor):
        return self.nvmlDeviceGetTemperatureV(gpu, sensor)

    def nvmlDeviceGetCurrentClocksEventReasons(self, gpu):
        return _told(gpu.reasons)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, gpu):
        return _told(gpu.reasons)

    def nvmlGpmQueryDeviceSupport(self, gpu):
        return pynvml.c_nvmlGpmSupport_t(isSupportedDevice=_told(gpu.gpm))

    def nvmlGpmSampleAlloc(self):
        sample = ctypes.cast(0x1000 * (len(self.samples) + 1), pynvml.c_nvmlGpmSample_t)
        self.samples[self._address(sample)] = None
        return sample

    def nvmlGpmSampleFree(self, sample):
        del self.samples[self._address(sample)]

    def nvmlGpmSampleGet(self, gpu, sample):
        number = len(gpu.gpm_samples)
        self.samples[self._address(sample)] = (gpu, number)
        gpu.gpm_samples.append(sample)

    def nvmlGpmMetricsGet(self, asked):
        older, newer = (self.samples[self._address(sample)] for sample in (asked.sample1, asked.sample2))
        assert older[0] is newer[0]
        assert newer[1] == older[1] + 1
        shown = {1: newer[0].engine, 5: newer[0].tensor}
        for metric in asked.metrics[: asked.numMetrics]:
            value = shown[metric.metricId]
            if isinstance(value, Exception):
                metric.nvmlReturn = value.value
            else:
                metric.nvmlReturn, metric.value = 0, value
        return asked

    @staticmethod
    def _address(sample):
        return ctypes.cast(sample, ctypes.c_void_p).value

"""A machine with AMD GPUs, written by us: the functions of ROCm's package amdsmi and the shapes of what they return."""

import enum


class AmdSmiLibraryError(Exception):
    """As amdsmi's AmdSmiLibraryException: a code of amdsmi.h, and words on two lines."""

    def __init__(self, err_code):
        super().__init__(f"Error code:\n\t{err_code} | AMDSMI_STATUS_{err_code}")
        self.err_code = err_code


NOT_SUPPORTED = AmdSmiLibraryError(2)
RESIDENCIES = ("ppt", "socket_thm", "vr_thm", "hbm_thm", "prochot")


class Gpu:
    """One GPU, an MI300X as it shows itself; any attribute may be an error, which is then raised instead."""

    def __init__(self, number=0, **shown):
        self.serial = f"0x{0xABC0 + number:016X}"
        self.partition = 0
        self.market_name = "AMD Instinct MI300X OAM"
        self.energy = {"energy_accumulator": 65_536_000_000, "counter_resolution": 15.259, "timestamp": 1_000}
        self.power = {
            "socket_power": 300, "current_socket_power": 300, "average_socket_power": "N/A",
            "gfx_voltage": "N/A", "soc_voltage": "N/A", "mem_voltage": "N/A", "power_limit": 750,
        }  # fmt: skip
        self.activity = {"gfx_activity": 73, "umc_activity": 20, "mm_activity": "N/A"}
        self.memory = (100 * 2**30, 192 * 2**30)
        self.hotspot_c = 61
        self.memory_c = 70
        self.metrics = {"throttle_status": "N/A", **{f"{name}_residency_acc": 5 for name in RESIDENCIES}}
        self.before_read = lambda: None
        self.__dict__.update(shown)

    def run(self, joules, nanoseconds=10**9):
        """Let time go by: the counter counts that much energy."""
        count = round(joules * 1e6 / self.energy["counter_resolution"])
        self.energy = {
            **self.energy,
            "energy_accumulator": self.energy["energy_accumulator"] + count,
            "timestamp": self.energy["timestamp"] + nanoseconds,
        }


def _told(value):
    if isinstance(value, Exception):
        raise value
    return value


class Machine:
    """Stands for the module `amdsmi`. `start` and `alive` may be errors: of amdsmi_init, and of all that follows it."""

    AmdSmiTemperatureType = enum.IntEnum("AmdSmiTemperatureType", ["EDGE", "HOTSPOT", "VRAM"])
    AmdSmiTemperatureMetric = enum.IntEnum("AmdSmiTemperatureMetric", ["CURRENT", "MAX"])
    AmdSmiMemoryType = enum.IntEnum("AmdSmiMemoryType", ["VRAM", "VIS_VRAM", "GTT"])

    def __init__(self, *gpus):
        self.gpus = list(gpus)
        self.start = self.alive = None
        self.sessions = self.open_sessions = 0

    def amdsmi_init(self):
        _told(self.start)
        self.sessions += 1
        self.open_sessions += 1

    def amdsmi_shut_down(self):
        self.open_sessions -= 1

    def amdsmi_get_processor_handles(self):
        _told(self.alive)
        return list(self.gpus)

    def amdsmi_get_gpu_asic_info(self, gpu):
        return {"market_name": gpu.market_name, "asic_serial": _told(gpu.serial), "oam_id": 0}

    def amdsmi_get_gpu_kfd_info(self, gpu):
        return {"kfd_id": 1, "node_id": 2, "current_partition_id": _told(gpu.partition)}

    def amdsmi_get_gpu_device_bdf(self, gpu):
        return f"0000:{self.gpus.index(gpu):02x}:00.0"

    def amdsmi_get_gpu_metrics_info(self, gpu):
        gpu.before_read()
        _told(self.alive)
        return dict(_told(gpu.metrics))

    def amdsmi_get_energy_count(self, gpu):
        return dict(_told(gpu.energy))

    def amdsmi_get_power_info(self, gpu):
        return dict(_told(gpu.power))

    def amdsmi_get_gpu_activity(self, gpu):
        return dict(_told(gpu.activity))

    def amdsmi_get_gpu_memory_usage(self, gpu, kind):
        assert kind is self.AmdSmiMemoryType.VRAM
        return _told(gpu.memory)[0]

    def amdsmi_get_gpu_memory_total(self, gpu, kind):
        assert kind is self.AmdSmiMemoryType.VRAM
        return _told(gpu.memory)[1]

    def amdsmi_get_temp_metric(self, gpu, sensor, metric):
        assert metric is self.AmdSmiTemperatureMetric.CURRENT
        return _told({"HOTSPOT": gpu.hotspot_c, "VRAM": gpu.memory_c}[sensor.name])

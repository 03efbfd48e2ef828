import re
import threading

import pynvml
import pytest

from producers.discovery import Machine as LookedAt
from producers.source import SourceError, Tick, Where
from producers.sources.nvml import look, open_source, source_of
from tests.producers.nvml_machine import NOT_SUPPORTED, Gpu, Machine, error
from tests.recordings import RECORDINGS, with_recordings

START_MS = 1_790_000_000_000


@pytest.fixture
def gpu():
    return Gpu()


@pytest.fixture
def machine(gpu):
    return Machine(gpu)


@pytest.fixture
def source(machine):
    opened = source_of(machine, Where("north", "train", "node-7"), power_scope="gpu", timeout_s=60)
    yield opened
    opened.close()


def at(source, second, interval_ms=1000):
    """Read at that second; return the samples as dictionaries."""
    batches = source.read(Tick(START_MS + round(second * 1000), interval_ms))
    return [sample for batch in batches for sample in batch.samples.to_pylist()]


def failing_at(source, second):
    """Read at that second, which fails; return why, and the samples that there are all the same."""
    with pytest.raises(SourceError) as raised:
        at(source, second)
    return str(raised.value), [sample for batch in raised.value.batches for sample in batch.samples.to_pylist()]


def test_a_gpu_is_a_sample(source, gpu):
    """Labels, units and the power's method are the contract's; the first read has no difference yet."""
    gpu.reasons = 0x24
    [sample] = at(source, 0)
    ts = sample.pop("ts")

    assert ts.timestamp() * 1000 == START_MS
    assert sample == {
        "interval_ms": 1000,
        "site": "north",
        "fleet": "train",
        "platform": "nvidia",
        "model": "h100-sxm",
        "host": "node-7",
        "chip": "GPU-0",
        "job": None,
        "power_w": 300.0,
        "power_method": "sensor",
        "power_error_w": 5.0,
        "utilization": pytest.approx(0.73),
        "tensor_utilization": None,
        "memory_used_bytes": 50 * 2**30,
        "memory_total_bytes": 80 * 2**30,
        "temperature_c": 70.0,
        "throttle": 3,
        "energy_j": 1000.0,
    }


def test_the_energy_counter_goes_before_the_sensor(source, gpu):
    """From the second read on, and over any gap."""
    at(source, 0)
    [second] = at(source, 1)
    gpu.energy_mj += 3 * 250_000
    [fifth] = at(source, 5)

    assert (second["power_w"], second["power_method"], second["interval_ms"]) == (250.0, "counter", 1000)
    assert (fifth["power_w"], fifth["power_method"], fifth["interval_ms"]) == (250.0, "counter", 4000)


def test_a_counter_that_starts_again_leaves_the_second_to_the_sensor(source, gpu):
    """The driver was loaded anew: no negative power, and then the counter's again."""
    at(source, 0)
    gpu.energy_mj = 40_000
    [after] = at(source, 1)
    [then] = at(source, 2)

    assert (after["power_w"], after["power_method"]) == (300.0, "sensor")
    assert (then["power_w"], then["power_method"]) == (250.0, "counter")


def test_an_older_driver_is_asked_by_the_older_functions(source, gpu):
    """The fields of power came with driver 530; on A100 the mean is missing still."""
    gpu.energy_call_mj, gpu.usage_mw = 1_000_000, 310_000
    gpu.energy_mj = gpu.average_mw = gpu.instant_mw = error("INVALID_ARGUMENT")
    [sample] = at(source, 0)

    assert (sample["power_w"], sample["energy_j"]) == (310.0, 1000.0)


def test_a_gpu_without_a_counter_is_read_by_its_sensor(source, gpu):
    """The same reading twice is two readings: nothing is frozen here."""
    gpu.energy_mj = NOT_SUPPORTED
    told = [at(source, second)[0] for second in range(3)]

    assert [(sample["power_w"], sample["power_method"]) for sample in told] == [(300.0, "sensor")] * 3
    assert told[2]["energy_j"] is None


@pytest.mark.parametrize("code", ["NOT_SUPPORTED", "NO_PERMISSION", "FUNCTION_NOT_FOUND", "DEPRECATED", "NO_DATA"])
def test_what_a_gpu_does_not_show_is_null(source, gpu, code):
    """Never zero, and no failure either."""
    absent = error(code)
    gpu.energy_mj = gpu.average_mw = gpu.instant_mw = gpu.busy = gpu.memory = gpu.gpu_c = gpu.memory_c = absent
    gpu.reasons = gpu.gpm = absent
    [sample] = at(source, 0)

    assert {name for name, value in sample.items() if value is not None} == {
        "ts", "interval_ms", "site", "fleet", "platform", "model", "host", "chip",
    }  # fmt: skip


def test_zero_milliwatts_are_no_reading(source, gpu):
    """No GPU that answers draws nothing."""
    gpu.energy_mj = NOT_SUPPORTED
    gpu.average_mw = gpu.instant_mw = 0
    [sample] = at(source, 0)

    assert (sample["power_w"], sample["power_method"], sample["power_error_w"]) == (None, None, None)


def test_one_reading_that_fails_costs_that_reading(source, gpu):
    """The power is there all the same, and the operator is told."""
    gpu.busy = error("UNKNOWN")
    reason, [sample] = failing_at(source, 0)

    assert reason == "GPU-0: cannot read utilization: Unknown Error"
    assert (sample["power_w"], sample["utilization"]) == (300.0, None)


def test_tensor_activity_is_of_the_time_between_two_reads(source, gpu, machine):
    """Known from the second read on; the samples are kept from read to read, so that no read waits."""
    told = [at(source, second)[0]["tensor_utilization"] for second in range(4)]

    assert told == [None, *[pytest.approx(0.415)] * 3]
    assert len(gpu.gpm_samples) == 4
    assert len(machine.samples) == 2
    source.close()
    assert not machine.samples


def test_tensor_activity_needs_more_than_a_tenth_of_a_second(source, gpu):
    """Read more often, it is of the time since the last sample that is old enough."""
    told = [at(source, tenth / 20, 50)[0]["tensor_utilization"] is not None for tenth in range(7)]

    assert told == [False, False, False, True, False, False, True]
    assert len(gpu.gpm_samples) == 3


def test_activity_counters_that_fail_once_begin_anew(source, machine):
    """What was sampled before a failure is compared with nothing after it."""
    at(source, 0)
    take, machine.nvmlGpmSampleGet = machine.nvmlGpmSampleGet, lambda *_: (_ for _ in ()).throw(error("UNKNOWN"))
    assert failing_at(source, 1)[0] == "GPU-0: cannot read activity: Unknown Error"
    machine.nvmlGpmSampleGet = take

    assert [at(source, second)[0]["tensor_utilization"] for second in (2, 3)] == [None, pytest.approx(0.415)]


def test_a_gpu_without_activity_counters_shows_no_tensor_activity(source, gpu):
    """Before Hopper there are none."""
    gpu.gpm = False

    assert [at(source, second)[0]["tensor_utilization"] for second in range(3)] == [None] * 3


def test_a_gpu_in_mig_mode_is_one_chip(source, gpu):
    """Whole devices are read and never instances; utilization is the engine's, where the driver tells that."""
    gpu.busy = NOT_SUPPORTED
    told = [at(source, second) for second in range(2)]

    assert [len(samples) for samples in told] == [1, 1]
    assert [samples[0]["utilization"] for samples in told] == [None, pytest.approx(0.7)]


def test_memory_in_use_leaves_out_what_the_driver_reserves(source, machine):
    """As nvidia-smi shows it; a driver that knows no better includes it."""
    assert at(source, 0)[0]["memory_used_bytes"] == 50 * 2**30
    newer = machine.nvmlDeviceGetMemoryInfo

    def older(gpu, version=None):
        if version is not None:
            raise error("FUNCTION_NOT_FOUND")
        return newer(gpu)

    machine.nvmlDeviceGetMemoryInfo = older
    assert at(source, 1)[0]["memory_used_bytes"] == 51 * 2**30


def test_a_modules_power_is_its_own_counter_and_sensor(machine, gpu):
    """With its CPU, on request; the GPU's own are left out of it."""
    gpu.module = {191: 5_000_000, 185: 700_000}
    source = source_of(machine, Where(), power_scope="module", timeout_s=60)
    [first] = at(source, 0)
    gpu.module[191] += 710_000
    [second] = at(source, 1)
    source.close()

    assert (first["power_w"], first["power_method"], first["energy_j"]) == (700.0, "sensor", 5000.0)
    assert (second["power_w"], second["power_method"]) == (710.0, "counter")


def test_a_gpu_without_a_module_says_so(machine):
    """Its own power is not shown as that of a module."""
    source = source_of(machine, Where(), power_scope="module", timeout_s=60)
    reason, [sample] = failing_at(source, 0)
    source.close()

    assert reason == "GPU-0 reports no power of a module; remove --power-scope"
    assert sample["power_w"] is None


class TestLosses:
    """GPUs and drivers that go away, and come again."""

    @pytest.fixture
    def gpu(self):
        return Gpu(0)

    @pytest.fixture
    def machine(self, gpu):
        return Machine(gpu, Gpu(1))

    def test_a_lost_gpu_does_not_cost_the_others(self, source, gpu, machine):
        """They go on by their counters; when it is back, its counter begins anew."""
        at(source, 0)
        gpu.handle = error("GPU_IS_LOST")
        reason, [other] = failing_at(source, 1)
        assert reason == "GPU-0: cannot read fields: GPU is lost"
        assert (other["chip"], other["power_w"], other["power_method"]) == ("GPU-1", 250.0, "counter")

        machine.gpus[1].energy_mj += 58 * 250_000
        reason, [other] = failing_at(source, 60)
        assert reason == "GPU 0 cannot be opened: GPU is lost"
        assert (other["chip"], other["interval_ms"]) == ("GPU-1", 59_000)

        gpu.handle, gpu.energy_mj = None, 10**9
        failing_at(source, 61)
        assert {sample["chip"]: sample["power_method"] for sample in at(source, 120)} == {
            "GPU-0": "sensor",
            "GPU-1": "counter",
        }
        assert machine.open_sessions == 1

    @pytest.mark.parametrize("code", ["UNINITIALIZED", "DRIVER_NOT_LOADED", "LIB_RM_VERSION_MISMATCH"])
    def test_a_driver_that_was_loaded_anew_is_opened_at_the_next_tick(self, source, gpu, machine, code):
        """Its counters began anew, further than they were: no difference is made of them."""
        at(source, 0)
        machine.alive = machine.start = error(code)
        failing_at(source, 1)
        failing_at(source, 2)
        machine.alive = machine.start = None
        gpu.energy_mj += 10**7
        [first, _] = at(source, 3)
        [second, _] = at(source, 4)

        assert (first["power_method"], first["interval_ms"]) == ("sensor", 1000)
        assert (second["power_w"], second["power_method"]) == (250.0, "counter")

    def test_a_driver_that_goes_during_a_read_is_opened_at_the_next_tick(self, source, gpu, machine):
        """What the read had of the others is told."""
        at(source, 0)
        machine.gpus[1].memory = error("UNINITIALIZED")
        reason, [sample] = failing_at(source, 1)
        assert reason == "GPU-1: cannot read memory: Uninitialized"
        assert sample["chip"] == "GPU-0"

        machine.gpus[1].memory = NOT_SUPPORTED
        assert [sample["power_method"] for sample in at(source, 2)] == ["sensor", "sensor"]
        assert machine.sessions == 2

    def test_a_gpu_more_is_read(self, source, machine):
        """The driver counts it at the next tick."""
        at(source, 0)
        machine.gpus.append(Gpu(2))

        assert [sample["chip"] for sample in at(source, 1)] == ["GPU-0", "GPU-1", "GPU-2"]

    def test_a_gpu_that_hangs_does_not_cost_the_others(self, machine):
        """Its call never returns: the others are told in time."""
        hang = threading.Event()
        source = source_of(machine, Where(), power_scope="gpu", timeout_s=1.0)
        machine.gpus[0].before_read = lambda: hang.wait(60)
        reason, [sample] = failing_at(source, 0)
        source.close()
        hang.set()

        assert reason == "GPU-0 did not answer within 1 s; its driver call hangs"
        assert sample["chip"] == "GPU-1"

    @pytest.mark.parametrize(
        ("code", "says"),
        [
            ("LIBRARY_NOT_FOUND", "libnvidia-ml.so.1 is missing; install the NVIDIA driver"),
            ("DRIVER_NOT_LOADED", "the NVIDIA driver is not loaded"),
            ("NO_PERMISSION", "/dev/nvidiactl"),
            ("LIB_RM_VERSION_MISMATCH", "have different versions"),
            ("UNKNOWN", "NVML cannot be started: Unknown Error"),
        ],
    )
    def test_a_driver_that_does_not_start_says_why(self, source, machine, code, says):
        """In one line that tells what to do."""
        machine.start = error(code)
        reason, samples = failing_at(source, 0)

        assert says in reason
        assert "\n" not in reason
        assert samples == []

    def test_a_driver_without_gpus_says_so(self, source, machine):
        """And leaves no session open."""
        machine.gpus.clear()

        assert failing_at(source, 0) == ("the NVIDIA driver reports no GPU; run nvidia-smi for details", [])
        assert machine.open_sessions == 0


def test_the_real_library_is_asked():
    """On a machine without a driver it says that, and the next read asks again."""
    source = open_source(Where(), power_scope="gpu", timeout_s=1)
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        for second in range(2):
            reason, samples = failing_at(source, second)
            assert re.search("NVIDIA driver|NVML", reason)
            assert samples == []
    else:
        pynvml.nvmlShutdown()
        assert at(source, 0)
    source.close()


class TestLook:
    """What `gigawatt produce auto` is told, from files alone."""

    @pytest.fixture
    def root(self, tmp_path):
        (tmp_path / "dev").mkdir()
        return tmp_path

    def test_no_driver(self, root):
        """The device file is missing."""
        finding = look(LookedAt(root), loads=lambda _: True)

        assert (finding.found, finding.says) == (False, "no NVIDIA driver: /dev/nvidiactl is missing")

    def test_a_driver_without_its_library(self, root):
        """As in a container that asked for compute only."""
        (root / "dev/nvidiactl").touch()
        finding = look(LookedAt(root), loads=lambda _: False)

        assert not finding.found
        assert "libnvidia-ml.so.1 is missing" in finding.says

    def test_a_driver_and_its_gpus(self, root):
        """They are counted and named, and the source needs no options."""
        (root / "dev/nvidiactl").touch()
        for number in range(2):
            gpu = root / f"proc/driver/nvidia/gpus/0000:0{number}:00.0"
            gpu.mkdir(parents=True)
            (gpu / "information").write_text("Model: \t\t NVIDIA H100 80GB HBM3\nGPU UUID: \t GPU-1\n")
        finding = look(LookedAt(root), loads=lambda library: library == "libnvidia-ml.so.1")

        assert (finding.options, finding.says) == ({}, "2 GPUs with the NVIDIA driver: NVIDIA H100 80GB HBM3")

    def test_a_driver_that_hides_its_gpus(self, root):
        """A container may not see the driver's folder."""
        (root / "dev/nvidiactl").touch()

        assert look(LookedAt(root), loads=lambda _: True).says == "GPUs with the NVIDIA driver: unknown model"

    def test_it_never_raises(self):
        """On this machine, whatever it has."""
        assert isinstance(look(LookedAt()).says, str)


def profile(path):
    """Return what a profile of a mock driver says: nested dictionaries, and the UUIDs of its devices.

    The files are a plain kind of YAML: two blanks for each level, one value a line.
    """
    root, devices, open_levels = {}, [], []
    for line in path.read_text().splitlines():
        match = re.match(r'( *)(?:- )?(\w+):(?: *(?:"([^"]*)"|([^#]*?)))? *(?:#.*)?$', line)
        if match is None:
            continue
        indent, key, quoted, plain = match.groups()
        level = len(indent) // 2
        if key == "uuid" and quoted.startswith("GPU-"):
            devices.append(quoted)
        parents = [*open_levels[:level]]
        value = quoted if quoted is not None else plain
        inner = parents[-1] if parents else root
        if value:
            inner[key] = int(value) if value.isdigit() else value
            continue
        inner[key] = {}
        open_levels = [*parents, inner[key]]
    return root["device_defaults"], devices


REASONS = {
    "gpu_idle": pynvml.nvmlClocksEventReasonGpuIdle,
    "applications_clocks_setting": pynvml.nvmlClocksEventReasonApplicationsClocksSetting,
    "sw_power_cap": pynvml.nvmlClocksEventReasonSwPowerCap,
    "hw_slowdown": pynvml.nvmlClocksEventReasonHwSlowdown,
    "hw_thermal_slowdown": pynvml.nvmlClocksEventReasonHwThermalSlowdown,
    "hw_power_brake_slowdown": pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown,
    "sync_boost": pynvml.nvmlClocksEventReasonSyncBoost,
    "sw_thermal_slowdown": pynvml.nvmlClocksEventReasonSwThermalSlowdown,
    "display_clocks_setting": pynvml.nvmlClocksEventReasonDisplayClockSetting,
}


def profiled(path):
    """Return a machine that shows what the profile says."""
    said, uuids = profile(path)
    power, memory, thermal = said["power"], said["memory"], said["thermal"]
    reasons = [REASONS[name] for name, set_ in said["clocks_throttle_reasons"].items() if set_ == "true"]
    return Machine(
        *(
            Gpu(
                uuid=uuid,
                name=said["name"],
                average_mw=power["current_draw_mw"],
                instant_mw=power["current_draw_mw"],
                energy_mj=power.get("total_energy_consumption_mj", NOT_SUPPORTED),
                step_mj=0,
                busy=said["utilization"]["gpu"],
                memory=(memory["total_bytes"], memory["reserved_bytes"], memory["used_bytes"]),
                gpu_c=thermal["temperature_gpu_c"],
                memory_c=thermal["temperature_memory_c"],
                reasons=sum(reasons),
                gpm=False,
            )
            for uuid in uuids
        )
    )


@with_recordings
@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (
            "nvml-profile-h100.yaml",
            {
                "chips": [f"GPU-01000100-0000-0000-0000-00000000000{number}" for number in range(8)],
                "model": "h100-sxm",
                "power_w": 95.0,
                "power_method": "sensor",
                "utilization": 0.0,
                "memory_used_bytes": 0,
                "memory_total_bytes": 85_899_345_920,
                "temperature_c": 34.0,
                "throttle": 0,
                "energy_j": 600.0,
            },
        ),
        (
            "nvml-profile-gb300.yaml",
            {
                "chips": [f"GPU-b300b300-0000-0000-0000-00000000000{number}" for number in range(8)],
                "model": "gb300",
                "power_w": 175.0,
                "power_method": "sensor",
                "utilization": 0.0,
                "memory_used_bytes": 0,
                "memory_total_bytes": 309_237_645_312,
                "temperature_c": 38.0,
                "throttle": 0,
                "energy_j": None,
            },
        ),
    ],
)
def test_a_profile_of_nvidias_mock_driver_shows_what_one_reads_in_it(file, expected):
    """The table was read off the files by eye."""
    source = source_of(profiled(RECORDINGS / "nvidia" / file), Where(), power_scope="gpu", timeout_s=60)
    samples = at(source, 0)
    source.close()

    assert [sample["chip"] for sample in samples] == expected.pop("chips")
    for sample in samples:
        assert {name: sample[name] for name in expected} == expected

import sys
import threading
from pathlib import Path

import pytest

from producers.discovery import Machine as LookedAt
from producers.source import SourceError, Tick, Where
from producers.sources.amd import load, look, open_source, source_of
from schema.errors import GigawattError
from tests.producers.amd_machine import NOT_SUPPORTED, AmdSmiLibraryError, Gpu, Machine

START_MS = 1_790_000_000_000


@pytest.fixture
def gpu():
    return Gpu()


@pytest.fixture
def machine(gpu):
    return Machine(gpu)


@pytest.fixture
def source(machine):
    opened = source_of(machine, Where("north", "train", "node-7"), timeout_s=60)
    yield opened
    opened.close()


def at(source, second):
    """Read at that second; return the samples as dictionaries."""
    batches = source.read(Tick(START_MS + second * 1000, 1000))
    return [sample for batch in batches for sample in batch.samples.to_pylist()]


def failing_at(source, second):
    """Read at that second, which fails; return why, and the samples that there are all the same."""
    with pytest.raises(SourceError) as raised:
        at(source, second)
    return str(raised.value), [sample for batch in raised.value.batches for sample in batch.samples.to_pylist()]


def test_a_gpu_is_a_sample(source):
    """Labels, units and the power's method are the contract's; nobody states how accurate AMD's watts are."""
    [sample] = at(source, 0)
    ts = sample.pop("ts")

    assert ts.timestamp() * 1000 == START_MS
    assert sample == {
        "interval_ms": 1000,
        "site": "north",
        "fleet": "train",
        "platform": "amd",
        "model": "mi300x",
        "host": "node-7",
        "chip": "0x000000000000ABC0",
        "job": None,
        "power_w": 300.0,
        "power_method": "sensor",
        "power_error_w": None,
        "utilization": pytest.approx(0.73),
        "tensor_utilization": None,
        "memory_used_bytes": 100 * 2**30,
        "memory_total_bytes": 192 * 2**30,
        "temperature_c": 70.0,
        "throttle": None,
        "energy_j": pytest.approx(1_000_013.824),
    }


def test_the_energy_counter_goes_before_the_sensor(source, gpu):
    """Once it has told about as much as the sensor."""
    at(source, 0)
    gpu.run(250)
    [sample] = at(source, 1)

    assert (sample["power_w"], sample["power_method"]) == (pytest.approx(250, rel=1e-6), "counter")
    assert sample["throttle"] == 0


def test_a_counter_that_stands_still_leaves_it_to_the_sensor(source, gpu):
    """An MI100 was seen to do so, while the time of its readings went on."""
    told = []
    for second in range(6):
        told += at(source, second)
        gpu.run(0)

    assert {(sample["power_w"], sample["power_method"]) for sample in told} == {(300.0, "sensor")}
    assert len(told) == 4


def test_readings_that_are_never_renewed_are_not_told_again(source, gpu):
    """ROCm 6.0 and 6.1 may show a process the same again and again: that is said, and no sample is made of it."""
    assert len(at(source, 0)) == 1
    assert [at(source, second) for second in range(1, 5)] == [[]] * 4
    assert failing_at(source, 5) == (
        "0x000000000000ABC0 repeats the same reading: update ROCm, or restart this producer",
        [],
    )
    gpu.run(6 * 250)
    [sample] = at(source, 6)

    assert (sample["interval_ms"], sample["power_method"]) == (6000, "sensor")


def test_a_counter_that_starts_again_leaves_the_second_to_the_sensor(source, gpu):
    """The driver was loaded anew."""
    at(source, 0)
    gpu.run(250)
    at(source, 1)
    gpu.energy = {"energy_accumulator": 1000, "counter_resolution": 15.259, "timestamp": 1}
    [sample] = at(source, 2)

    assert (sample["power_w"], sample["power_method"]) == (300.0, "sensor")


@pytest.mark.parametrize("code", [2, 3, 10, 40])
def test_what_a_gpu_does_not_show_is_null(source, gpu, code):
    """As in a virtual machine: never zero, and no failure either."""
    absent = AmdSmiLibraryError(code)
    gpu.energy = gpu.power = gpu.activity = gpu.memory = gpu.hotspot_c = gpu.memory_c = gpu.metrics = absent
    [sample] = at(source, 0)

    assert {name for name, value in sample.items() if value is not None} == {
        "ts", "interval_ms", "site", "fleet", "platform", "model", "host", "chip",
    }  # fmt: skip


def test_not_available_is_null(source, gpu):
    """The library's word for it."""
    gpu.energy = NOT_SUPPORTED
    gpu.power = dict.fromkeys(gpu.power, "N/A")
    gpu.activity = dict.fromkeys(gpu.activity, "N/A")
    gpu.hotspot_c = gpu.memory_c = "N/A"
    [sample] = at(source, 0)

    assert [sample[name] for name in ("power_w", "power_method", "utilization", "temperature_c")] == [None] * 4


def test_a_function_that_an_older_package_lacks_is_nothing_shown(source, machine):
    """It has no such attribute."""
    older = type("Older", (Machine,), {"amdsmi_get_gpu_metrics_info": property(), "amdsmi_get_temp_metric": property()})
    machine.__class__ = older
    [sample] = at(source, 0)

    assert (sample["power_w"], sample["temperature_c"], sample["throttle"]) == (300.0, None, None)


def test_one_reading_that_fails_costs_that_reading(source, gpu):
    """The power is there all the same, and the operator is told."""
    gpu.activity = AmdSmiLibraryError(30)
    reason, [sample] = failing_at(source, 0)

    assert reason == "0x000000000000ABC0: cannot read utilization: Error code: 30 | AMDSMI_STATUS_30"
    assert (sample["power_w"], sample["utilization"]) == (300.0, None)


def test_throttling_is_what_grew_since_the_read_before(source, gpu):
    """Power and heat are told apart; an MI200 says only that it throttles."""
    at(source, 0)
    gpu.metrics = {**gpu.metrics, "ppt_residency_acc": 9, "hbm_thm_residency_acc": 6}
    gpu.run(250)
    assert at(source, 1)[0]["throttle"] == 3

    gpu.run(250)
    assert at(source, 2)[0]["throttle"] == 0

    gpu.metrics = {"throttle_status": True}
    gpu.run(250)
    assert at(source, 3)[0]["throttle"] == 8


def test_the_second_die_of_an_mi250x_has_no_power(source, gpu):
    """It shows zeros: the first die's sensor is that of both."""
    gpu.energy = {**gpu.energy, "energy_accumulator": 0}
    gpu.power = {"current_socket_power": "N/A", "average_socket_power": 0}
    [sample] = at(source, 0)

    assert [sample[name] for name in ("power_w", "power_method", "energy_j")] == [None] * 3


class TestPartitions:
    """A GPU in partitions is one chip."""

    def test_it_is_counted_once_by_its_first(self):
        """Which reports the power of all; activity and memory may be its own, and are not told."""
        nothing = {"current_socket_power": 0, "average_socket_power": 0}
        first, second, other = Gpu(0), Gpu(0, partition=1, power=nothing), Gpu(5)
        source = source_of(Machine(second, first, other), Where(), timeout_s=60)
        told = {sample["chip"]: sample for sample in at(source, 0)}
        source.close()

        assert set(told) == {first.serial, other.serial}
        partitioned = told[first.serial]
        assert [partitioned[name] for name in ("power_w", "utilization", "memory_total_bytes")] == [300.0, None, None]
        assert told[other.serial]["utilization"] == pytest.approx(0.73)

    def test_a_library_that_does_not_number_them_lists_the_first_first(self):
        """Before ROCm 6.3."""
        first, second = (Gpu(0, partition=NOT_SUPPORTED, market_name=name) for name in ("MI300X", "MI300A"))
        source = source_of(Machine(first, second), Where(), timeout_s=60)
        [sample] = at(source, 0)
        source.close()

        assert sample["model"] == "mi300x"

    def test_without_serial_numbers_the_first_partitions_are_told_by_their_place(self):
        """A virtual machine hides serial numbers; a further partition cannot be told whose it is."""
        hidden = "0x0000000000000000"
        gpus = [Gpu(0, serial=hidden), Gpu(0, serial=hidden, partition=1), Gpu(1, serial="N/A", partition="N/A")]
        source = source_of(Machine(*gpus), Where(host="vm"), timeout_s=60)
        told = at(source, 0)
        source.close()

        assert [sample["chip"] for sample in told] == ["vm/0000:00:00.0", "vm/0000:02:00.0"]


class TestLosses:
    """GPUs and drivers that go away, and come again."""

    @pytest.fixture
    def machine(self, gpu):
        return Machine(gpu, Gpu(1))

    def test_a_lost_gpu_does_not_cost_the_others(self, source, gpu):
        """It is looked for again after a minute."""
        gpu.power = AmdSmiLibraryError(31)
        reason, [other] = failing_at(source, 0)

        assert reason.startswith("0x000000000000ABC0: cannot read power: Error code: 31")
        assert other["chip"] == "0x000000000000ABC1"

    def test_a_gpu_that_cannot_be_opened_does_not_cost_the_others(self, source, gpu):
        """The operator is told which."""
        gpu.serial = AmdSmiLibraryError(12)
        reason, [other] = failing_at(source, 0)

        assert reason.startswith("GPU 0 cannot be opened: Error code: 12")
        assert other["chip"] == "0x000000000000ABC1"

    @pytest.mark.parametrize("code", [32, 34])
    def test_a_driver_that_was_loaded_anew_is_opened_at_the_next_tick(self, source, gpu, machine, code):
        """Its counters began anew."""
        at(source, 0)
        machine.alive = machine.start = AmdSmiLibraryError(code)
        reason, samples = failing_at(source, 1)
        assert reason.startswith("cannot query the AMD driver: Error code")
        assert samples == []

        machine.alive = machine.start = None
        gpu.run(10**6)
        assert [sample["power_method"] for sample in at(source, 2)] == ["sensor", "sensor"]
        assert machine.open_sessions == 1

    def test_a_gpu_that_hangs_does_not_cost_the_others(self, machine):
        """Its call never returns: the others are told in time."""
        hang = threading.Event()
        source = source_of(machine, Where(), timeout_s=1.0)
        machine.gpus[0].before_read = lambda: hang.wait(60)
        reason, [sample] = failing_at(source, 0)
        source.close()
        hang.set()

        assert "did not answer within 1 s" in reason
        assert sample["chip"] == "0x000000000000ABC1"

    def test_a_driver_without_gpus_says_so(self, source, machine):
        """And leaves no session open."""
        machine.gpus.clear()

        assert failing_at(source, 0)[0] == "the AMD driver reports no GPU; run amd-smi list for details"
        assert machine.open_sessions == 0


class TestLoad:
    """Where the Python package comes from."""

    @pytest.fixture(autouse=True)
    def _unloaded(self):
        before = sys.modules.pop("amdsmi", None)
        yield
        sys.modules.pop("amdsmi", None)
        if before is not None:
            sys.modules["amdsmi"] = before

    @staticmethod
    def package(rocm, text):
        folder = rocm / "share/amd_smi/amdsmi"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(text)

    def test_it_is_taken_from_rocms_folder(self, tmp_path, capsys):
        """Without being installed; what it prints does not get among the samples, and the path is as it was."""
        self.package(tmp_path, "print('hello'); version = 7")
        path = list(sys.path)

        assert load(tmp_path).version == 7
        assert sys.path == path
        assert capsys.readouterr().out == ""

    def test_a_package_without_its_library_says_so(self, tmp_path):
        """Its own failure is a KeyError."""
        self.package(tmp_path, "{}['libamd_smi.so']")
        with pytest.raises(GigawattError, match=r"libamd_smi\.so.*install ROCm's package amd-smi-lib"):
            open_source(Where(), rocm=tmp_path, smi=None, timeout_s=1)

    def test_no_package_says_where_to_get_it(self, tmp_path):
        """ROCm's own, or a command."""
        with pytest.raises(GigawattError, match=r"Python package amdsmi is neither.*--smi"):
            open_source(Where(), rocm=tmp_path, smi=None, timeout_s=1)

    def test_a_command_needs_no_package(self, tmp_path):
        """It is read more seldom, for it costs more."""
        source = open_source(Where(), rocm=tmp_path, smi="docker exec rocm amd-smi", timeout_s=1)

        assert source.default_period_s == 10
        source.close()

    @pytest.mark.parametrize("smi", ["", '"amd-smi'])
    def test_a_command_that_is_none_is_refused(self, tmp_path, smi):
        """Nothing could be run."""
        with pytest.raises(GigawattError, match="--smi"):
            open_source(Where(), rocm=tmp_path, smi=smi, timeout_s=1)


class TestLook:
    """What `gigawatt produce auto` is told, from files alone."""

    @pytest.fixture
    def root(self, tmp_path):
        (tmp_path / "dev").mkdir()
        (tmp_path / "dev/kfd").touch()
        return tmp_path

    @staticmethod
    def at(root, *, which=lambda _: None, installed=False, **environment):
        return look(LookedAt(root, environment, which), is_installed=lambda: installed)

    def test_no_driver(self, tmp_path):
        """The device file is missing."""
        finding = self.at(tmp_path)

        assert (finding.found, finding.says) == (False, "no AMD GPU driver: /dev/kfd is missing")

    def test_rocms_own_library(self, root):
        """Where it usually is, or where the environment says."""
        for rocm, environment in (("/opt/rocm", {}), ("/opt/rocm-7.1", {"ROCM_PATH": "/opt/rocm-7.1"})):
            (root / rocm[1:] / "share/amd_smi/amdsmi").mkdir(parents=True)

            assert self.at(root, **environment).options == {"rocm": Path(rocm)}

    def test_an_installed_package(self, root):
        """As good."""
        assert self.at(root, installed=True).options == {}

    def test_a_command(self, root):
        """Where there is nothing better."""
        finding = self.at(root, which=lambda name: "/usr/bin/rocm-smi" if name == "rocm-smi" else None)

        assert finding.options == {"smi": "/usr/bin/rocm-smi"}

    def test_a_driver_alone(self, root):
        """What is missing is named."""
        finding = self.at(root)

        assert not finding.found
        assert "install ROCm's package amd-smi-lib" in finding.says

    def test_it_never_raises(self):
        """On this machine, whatever it has."""
        assert isinstance(look(LookedAt()).says, str)

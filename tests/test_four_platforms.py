"""Four platforms at their own cadences for ten minutes, chips falling silent and coming back: every joule, by method.

Every source is the real one, on a stand-in that speaks its platform's interface; time is given by the ticks. What the
chips drew is known here in whole numbers, and what stands in the store has to be that, to 1e-9.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from threading import Event

import grpc
import numpy as np
import pytest

from producers.connection import connect
from producers.estimate import estimate
from producers.publisher import KafkaPublisher
from producers.source import Batch, Source, SourceError, Tick, Where
from producers.sources import amd, nvml, tpu, trainium
from schema.chips import chip
from schema.topics import SAMPLES
from tests.producers import amd_machine, neuron_stub, nvml_machine, tpu_server
from tests.producers.machines import empty_machine
from tests.stack import Stack, wait_for

SECONDS = 600
Joules = dict[tuple[str, str], Fraction]


def where(host: str) -> Where:
    return Where("lab", "mixed", host)


def read(source: Source, tick: Tick) -> Sequence[Batch]:
    """Read what there is; a source whose chips are silent says so, with what it could read."""
    try:
        return source.read(tick)
    except SourceError as error:
        return error.batches


class Nvidia:
    """Two GPUs with energy counters, on a host that nobody reads for a minute: the counters know what happened."""

    silent = range(200, 260)

    def __init__(self, start_ms: int) -> None:
        self._start_ms = start_ms
        self._gpus = [nvml_machine.Gpu(number, step_mj=0) for number in range(2)]
        self._source = nvml.source_of(
            nvml_machine.Machine(*self._gpus), where("gpu-host"), power_scope="gpu", timeout_s=5
        )
        self.drew: Joules = {("nvidia", "counter"): Fraction(0), ("nvidia", "sensor"): Fraction(0)}

    def second(self, number: int) -> Sequence[Batch]:
        for index, gpu in enumerate(self._gpus):
            watts = 300 + 100 * index + (0 if number in range(199, 261) else number % 7)
            gpu.average_mw = watts * 1000
            gpu.energy_mj += watts * 1000
            # The first reading dates the counter; until the second one, the sensor speaks.
            self.drew["nvidia", "counter" if number > 1 else "sensor"] += watts
        return () if number in self.silent else read(self._source, Tick(self._start_ms + number * 1000, 1000))


class Amd:
    """Three GPUs with sensors alone, on a host that nobody reads for a while: nothing is known of that time."""

    silent = range(300, 400)

    def __init__(self, start_ms: int) -> None:
        self._start_ms = start_ms
        self._gpus = [amd_machine.Gpu(number, energy=amd_machine.NOT_SUPPORTED) for number in range(3)]
        self._source = amd.source_of(amd_machine.Machine(*self._gpus), where("amd-host"), timeout_s=60)
        self.drew: Joules = {("amd", "sensor"): Fraction(0)}

    def second(self, number: int) -> Sequence[Batch]:
        if number in self.silent:
            return ()
        for index, gpu in enumerate(self._gpus):
            watts = 500 + 20 * index + number % 5
            gpu.power = {**gpu.power, "current_socket_power": watts}
            self.drew["amd", "sensor"] += watts
        return read(self._source, Tick(self._start_ms + number * 1000, 1000))


class Trainium:
    """Two devices that state a percentage once a minute; the second states none for two minutes."""

    percentages = (25.0, 50.0, 12.5, 75.0)
    base_w, max_w = 100, 500

    def __init__(self, start_ms: int, directory: Path) -> None:
        self._start_ms, self._directory = start_ms, directory
        command = neuron_stub.write_command(directory, "time.sleep(600)")
        self._write(0)
        self._source = trainium.open_source(
            where("trn-host"), neuron_monitor=str(command), sysfs=directory / "sysfs", model="trn2",
            base_w=float(self.base_w), max_w=float(self.max_w),
        )  # fmt: skip
        self.drew: Joules = {("trainium", "percent"): Fraction(0)}

    def _write(self, minute: int) -> None:
        for device in range(2):
            power = None
            if self._states(device, minute):
                end_s = self._start_ms // 1000 + minute * 60
                power = neuron_stub.power_line(end_s, self._percentage(minute), low=0.0, high=100.0)
            neuron_stub.write_device(self._directory / "sysfs", device, serial=f"5e{device}", power=power)

    def _states(self, device: int, minute: int) -> bool:
        return device == 0 or minute not in (4, 5)

    def _percentage(self, minute: int) -> float:
        return self.percentages[minute % len(self.percentages)]

    def second(self, number: int) -> Sequence[Batch]:
        minute, second = divmod(number, 60)
        if second == 0:
            self._write(minute)
            watts = self.base_w + Fraction(self._percentage(minute)) / 100 * (self.max_w - self.base_w)
            self.drew["trainium", "percent"] += sum(watts * 60 for device in range(2) if self._states(device, minute))
        return read(self._source, Tick(self._start_ms + number * 1000, 1000))

    def close(self) -> None:
        self._source.close()


class Tpu:
    """Four chips whose runtime goes away for a minute, and with it all that is known of them."""

    silent = range(100, 160)

    def __init__(self, start_ms: int, directory: Path, server: tpu_server.TpuServer) -> None:
        self._start_ms, self._server = start_ms, server
        self._source = tpu.open_source(
            where("tpu-host"), addresses=[server.address], model="tpu-v6e", libtpu="none", calibration=None, idle=False,
            timeout_s=60, machine=empty_machine(directory),
        )  # fmt: skip
        self.drew: Joules = {("tpu", "model"): Fraction(0)}

    def second(self, number: int) -> Sequence[Batch]:
        self._server.status = grpc.StatusCode.UNAVAILABLE if number in self.silent else None
        bandwidth = 40.0 + number % 3
        self._server.metrics = tpu_server.host(4, duty=100.0, bandwidth=bandwidth)
        if number not in self.silent:
            estimated = estimate(chip("tpu-v6e"), None, bandwidth / 100, busy=1.0)
            self.drew["tpu", "model"] += 4 * Fraction(float(np.float32(estimated.power_w)))
        return read(self._source, Tick(self._start_ms + number * 1000, 1000))

    def close(self) -> None:
        self._source.close()


@contextmanager
def platforms(start_ms: int, directory: Path) -> Iterator[Sequence[Nvidia | Amd | Trainium | Tpu]]:
    with ExitStack() as stack:
        server = stack.enter_context(tpu_server.serving(tpu_server.TpuServer()))
        neuron, empty = directory / "neuron", directory / "empty"
        neuron.mkdir()
        trn, tpus = Trainium(start_ms, neuron), Tpu(start_ms, empty, server)
        stack.callback(trn.close)
        stack.callback(tpus.close)
        yield Nvidia(start_ms), Amd(start_ms), trn, tpus


def publish(stack: Stack, batches: Sequence[Batch]) -> None:
    connection = connect(stack.kafka, SAMPLES, stop=Event(), give_up_s=30)
    publisher = KafkaPublisher(connection, SAMPLES)
    for batch in batches:
        publisher.publish(batch)
    publisher.close(30)
    assert publisher.sent.lost == 0


def test_every_joule_of_four_platforms_is_there_by_method(stack: Stack, tmp_path: Path):
    start_ms = int(time.time() - SECONDS - 120) // 60 * 60_000
    stack.start("one")
    with platforms(start_ms, tmp_path) as played:
        batches = [
            batch for number in range(1, SECONDS + 1) for platform in played for batch in platform.second(number)
        ]
        drew = {key: joules for platform in played for key, joules in platform.drew.items()}
    publish(stack, batches)
    wait_for(stack.everything_is_stored, 120)

    for resolution in ("second", "minute", "hour"):
        rows = stack.rows(f"SELECT platform, power_method, sum(energy_j) FROM power_by_{resolution} GROUP BY 1, 2")
        stored = {(str(platform), str(method)): joules for platform, method, joules in rows if method}
        assert stored.keys() == drew.keys()
        for key, joules in drew.items():
            assert stored[key] == pytest.approx(float(joules), rel=1e-9), (resolution, key)
    assert dict(stack.rows("SELECT platform, count() FROM chips GROUP BY platform")) == {
        "nvidia": 2, "amd": 3, "trainium": 2, "tpu": 4
    }  # fmt: skip
    assert reporting(stack, start_ms, 130) == {"nvidia": 2, "amd": 3, "trainium": 2}
    assert reporting(stack, start_ms, 230) == {"nvidia": 2, "amd": 3, "trainium": 1, "tpu": 4}
    assert reporting(stack, start_ms, 350) == {"nvidia": 2, "trainium": 2, "tpu": 4}
    audit = stack.run("audit")
    assert audit.returncode == 0, audit.stdout


def reporting(stack: Stack, start_ms: int, second: int) -> dict[object, object]:
    """Return how many chips are known to have drawn power in a second, by platform."""
    return dict(
        stack.rows(
            f"SELECT platform, toUInt32(round(chips_reporting)) FROM fleet_power"
            f" WHERE time = toDateTime({start_ms // 1000 + second}) AND chips_reporting > 0"
        )
    )

"""For each source a stand-in for the outside world that it reads, in which it has something to say.

A new source adds a function here, named as its file: a context manager that takes a directory of its own
and gives the open source.
"""

import itertools
import threading
from contextlib import contextmanager

import pyarrow as pa

from producers.source import Where
from producers.sources import amd as amd_source
from producers.sources import amd_exporter as amd_exporter_source
from producers.sources import auto as auto_source
from producers.sources import dcgm as dcgm_source
from producers.sources import meter as meter_source
from producers.sources import nvml as nvml_source
from producers.sources import replay as replay_source
from producers.sources import simulated as simulated_source
from producers.sources import tpu as tpu_source
from producers.sources import tpu_gke as tpu_gke_source
from producers.sources import trainium as trainium_source
from tests.batches import batch
from tests.producers import amd_machine, amd_page, neuron_stub, nvml_machine, redfish_service, tpu_page, tpu_server
from tests.producers.dcgm_page import page
from tests.producers.exporter import Exporter, serving
from tests.producers.machines import empty_machine, source_file

START_MS = 1_790_000_000_000


@contextmanager
def dcgm(_directory):
    """Serve an exporter that refreshes at every scrape."""
    exporter = Exporter()

    def respond(handler):
        exporter.body = page(power=301, energy_mj=10**6 + 300_000 * exporter.requests, gpus=8, util=50)
        exporter.page(handler)

    exporter.respond = respond
    with serving(exporter):
        yield dcgm_source.open_source(Where(), urls=[exporter.url], timeout_s=60)


@contextmanager
def replay(directory):
    """Record three hosts over ten seconds."""
    recorded = batch(
        ts=[START_MS + 1000 * second for second in range(10) for _ in range(3)],
        host=[f"host-{number}" for _ in range(10) for number in range(3)],
        chip=[f"host-{number}/0" for _ in range(10) for number in range(3)],
    )
    path = directory / "recording.arrow"
    with pa.ipc.new_file(path, recorded.schema) as writer:
        writer.write_batch(recorded)
    yield replay_source.open_source(Where(), files=[path], speed=1, at_once=False, shift_to_now=True)


@contextmanager
def simulated(_directory):
    """Play a small fleet of every platform."""
    yield simulated_source.open_source(Where(), chips=200, silent=0)


@contextmanager
def tpu_gke(_directory):
    """Serve a device plugin whose duty cycle and memory bear other numbers than its activity."""
    body = tpu_page.page(
        tensor=dict.fromkeys(range(4), 40),
        bandwidth=dict.fromkeys(range(4), 60),
        duty=dict.fromkeys((404, 405, 412, 413), 100),
        used=dict.fromkeys((404, 405, 412, 413), 6.5e10),
        pod="pretrain-0",
    )
    with serving(Exporter(body)) as exporter:
        yield tpu_gke_source.open_source(Where(), urls=[exporter.url], timeout_s=60, calibration=None)


@contextmanager
def amd_exporter(_directory):
    """Serve an exporter of a partitioned GPU that asks it at every third scrape."""
    exporter = Exporter()

    def respond(handler):
        watts, joules = 600 + exporter.requests // 3 % 2, 10**6 * (exporter.requests // 3)
        exporter.body = amd_page.partitioned({"gpu_package_power": (watts, 0), "gpu_energy_consumed": (joules, None)})
        exporter.page(handler)

    exporter.respond = respond
    with serving(exporter):
        yield amd_exporter_source.open_source(Where(), urls=[exporter.url], timeout_s=60, prefix="amd_", model=None)


@contextmanager
def auto(directory):
    """Find an exporter that refreshes at every scrape, and chips of another platform beside it."""
    with dcgm(directory) as source:
        exporter = source_file("nvidia", 0, opens=lambda: source)
        candidates = {"dcgm": exporter, "amd": source_file("amd", 0), "tpu": source_file("tpu", 0, here=False)}
        yield auto_source.open_source(Where(), machine=empty_machine(directory), candidates=candidates)


@contextmanager
def nvml(_directory):
    """Show eight GPUs of the driver, one of them in MIG mode and one that shows no power."""
    gpus = [nvml_machine.Gpu(number) for number in range(8)]
    gpus[1].busy = nvml_machine.NOT_SUPPORTED
    gpus[2].energy_mj = gpus[2].average_mw = gpus[2].instant_mw = nvml_machine.NOT_SUPPORTED
    machine = nvml_machine.Machine(*gpus)
    yield nvml_source.source_of(machine, Where(host="node-7"), power_scope="gpu", timeout_s=60)


@contextmanager
def amd(_directory):
    """Show eight GPUs of the driver, the last in two partitions."""
    gpus = [amd_machine.Gpu(number) for number in range(8)]
    for gpu in gpus:
        gpu.before_read = lambda gpu=gpu: gpu.run(250)
    gpus.append(amd_machine.Gpu(7, partition=1, power={"current_socket_power": 0}))
    yield amd_source.source_of(amd_machine.Machine(*gpus), Where(host="node-7"), timeout_s=60)


@contextmanager
def tpu(directory):
    """Serve the metrics of a runtime that holds eight chips, one of them idle."""
    server = tpu_server.TpuServer(tpu_server.host(8, duty=90.0, bandwidth=40.0))
    server.metrics[tpu_server.DUTY_CYCLE][3] = tpu_server.metric(3, 0.0)
    with tpu_server.serving(server):
        yield tpu_source.open_source(
            Where(),
            addresses=[server.address],
            model="tpu-v6e",
            libtpu="none",
            calibration=None,
            idle=False,
            timeout_s=60,
            machine=empty_machine(directory),
        )


@contextmanager
def trainium(directory):
    """Start a neuron-monitor with two minutes of reports to print, beside a driver that has closed a window.

    The reports come at once, each a second after the one before it by the clock that the source is given; the window
    ends when the ticks get there.
    """
    seconds = itertools.count(START_MS // 1000 + 1)
    heard = threading.Event()

    def now():
        second = next(seconds)
        if second == START_MS // 1000 + 120:
            heard.set()
        return second

    lines = b"".join(neuron_stub.line(neuron_stub.runtime({0: 50.0, 3: 10.0}), devices=2) for _ in range(120))
    (directory / "reports").write_bytes(lines)
    command = neuron_stub.write_command(directory, 'say((here / "reports").read_bytes()); time.sleep(600)')
    minute_s = START_MS // 60_000 * 60 + 60
    for number in range(2):
        power = neuron_stub.power_line(minute_s)
        neuron_stub.write_device(directory / "sysfs", number, serial=f"5e{number}", power=power)
    source = trainium_source.open_source(
        Where(host="node-7"), neuron_monitor=str(command), sysfs=directory / "sysfs", now=now
    )
    assert heard.wait(30), "no report came"
    yield source


@contextmanager
def meter(_directory):
    """Serve a rack of more than one sample's watts, and a host whose controller only has averages."""
    average = redfish_service.control(None, PowerMetrics={"AverageConsumedWatts": 640, "IntervalInMin": 1})
    rack = redfish_service.Service(redfish_service.chassis("rack", environment=redfish_service.watts(26_000)))
    host = redfish_service.Service(redfish_service.chassis("1", power=average))
    with redfish_service.serving(rack), redfish_service.serving(host):
        urls = [f"rack-1={rack.url}", f"node-1={host.url}"]
        yield meter_source.open_source(Where(), urls=urls, platform="nvidia", meters="rack")

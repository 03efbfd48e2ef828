import re
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import click
import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from tpu_info import device, metrics

from producers.discovery import Machine, listens
from producers.source import SourceError, Tick, Where
from producers.sources.tpu import OPTIONS, addresses_of, look, open_source
from schema import checks, chips, wire
from schema.errors import GigawattError
from tests.producers.exporter import Exporter
from tests.producers.exporter import serving as web_serving
from tests.producers.libtpu_python import python_with_libtpu
from tests.producers.tpu.test_devices import pci
from tests.producers.tpu.test_runtime import any_answers
from tests.producers.tpu_server import (
    DUTY_CYCLE,
    MEMORY_BANDWIDTH,
    MEMORY_TOTAL,
    MEMORY_USED,
    TpuServer,
    host,
    metric,
    serving,
)

START_MS = 1_790_000_000_000
HERE = Where("north", "serving", "tpu-7")
NOWHERE = Machine(Path("/nonexistent"), {}, listens=lambda _host, _port: False)
GIB = 2**30
CALIBRATION = """
[tpu-v99]
idle_w = 100
peak_w = 500
tensor_weight = 0.8
memory_weight = 0.5
error_share = 0.05
"""


@pytest.fixture
def server():
    with serving(TpuServer()) as running:
        yield running


@pytest.fixture
def opened():
    """Open sources that are closed after the test."""
    made = []

    def make(*addresses, where=HERE, machine=NOWHERE, **options):
        defaults = {
            "addresses": addresses, "model": "tpu-v5e", "libtpu": "none", "calibration": None,
            "idle": False, "timeout_s": 60.0, "machine": machine,
        }  # fmt: skip
        made.append(open_source(where, **(defaults | options)))
        return made[-1]

    yield make
    for source in made:
        source.close()


@pytest.fixture
def machine(tmp_path):
    """Make machines whose sysfs shows so many chips."""

    def make(count, number="0x0063", **parts):
        for place in range(count):
            pci(tmp_path, f"0000:{place:02}:00.0", device=number)
        return replace(NOWHERE, root=tmp_path, **parts)

    return make


@pytest.fixture
def web_port():
    """Serve a page where a runtime is looked for."""
    with web_serving(Exporter(b"hello\n")) as running:
        yield int(running.url.split(":")[2].partition("/")[0])


def at(source, second):
    """Read at that second; return the samples of all batches as dictionaries."""
    batches = source.read(Tick(START_MS + second * 1000, 1000))
    return [sample for batch in batches for sample in batch.samples.to_pylist()]


def until_told(source, second=0):
    """Read until there are samples: a server was started, and the connection is made anew in its own time."""
    for attempt in range(600):
        try:
            return at(source, second + attempt)
        except SourceError:
            time.sleep(0.1)
    return at(source, second + 600)


def test_a_chip_is_a_sample(server, opened):
    """What the runtime tells is read, what it does not is null, and power says that it is an estimate."""
    server.metrics = host(1, duty=80.0, bandwidth=40.0, used=3 * GIB, total=16 * GIB)
    (sample,) = at(opened(server.address), 0)
    ts = sample.pop("ts")

    assert ts.timestamp() * 1000 == START_MS
    assert sample == {
        "interval_ms": 1000,
        "site": "north",
        "fleet": "serving",
        "platform": "tpu",
        "model": "tpu-v5e",
        "host": "tpu-7",
        "chip": "tpu-7/0",
        "job": None,
        "power_w": pytest.approx(60 + 140 * (0.6 * 0.4 + 0.95 * 0.8 / 2)),
        "power_method": "model",
        "power_error_w": pytest.approx(52.84, abs=0.01),
        "utilization": pytest.approx(0.8),
        "tensor_utilization": None,
        "memory_used_bytes": 3 * GIB,
        "memory_total_bytes": 16 * GIB,
        "temperature_c": None,
        "throttle": None,
        "energy_j": None,
    }


def test_a_duty_cycle_alone_gives_no_watts(server, opened):
    """An older runtime: busy is known, power is not, unless nothing ran."""
    server.metrics = host(2, duty=100.0, bandwidth=None)
    server.metrics[DUTY_CYCLE][1] = metric(1, 0.0)
    busy, idle = at(opened(server.address), 0)

    assert [busy[name] for name in ("power_w", "power_method", "power_error_w", "utilization")] == [None, None, None, 1]
    assert (idle["power_w"], idle["power_method"], idle["utilization"]) == (chips.chip("tpu-v5e").idle_w, "model", 0)


def test_tpu_info_reads_the_same(server, opened):
    """Its own functions, from the same server."""
    server.metrics = {
        MEMORY_TOTAL: [metric(chip, 16 * GIB) for chip in (2, 0, 3, 1)],
        MEMORY_USED: [metric(chip, chip * GIB) for chip in (3, 2, 1, 0)],
        DUTY_CYCLE: [metric(chip, 10.0 * chip) for chip in range(4)],
        MEMORY_BANDWIDTH: [metric(chip, 5.0 * chip) for chip in range(4)],
    }
    samples = at(opened(server.address), 0)
    theirs = metrics.get_chip_usage(device.TpuChip.V5E, server.address)

    assert [
        (sample["memory_used_bytes"], sample["memory_total_bytes"], pytest.approx(100 * sample["utilization"]))
        for sample in samples
    ] == [(usage.memory_usage, usage.total_memory, usage.duty_cycle_pct) for usage in theirs]
    assert metrics.get_runtime_hbm_utilization(server.address) == [(chip, 5.0 * chip) for chip in range(4)]


@pytest.mark.parametrize(
    ("duty_cycles", "usage"), [(4, metrics.get_chip_usage), (8, metrics.get_chip_usage_new)], ids=["chip", "core"]
)
def test_two_cores_are_one_chip(server, opened, duty_cycles, usage):
    """TPU v7, whose duty cycle is told by chip or by core: tpu-info has a function for each."""
    server.metrics = {
        MEMORY_TOTAL: [metric(core, 96 * GIB) for core in range(8)],
        MEMORY_USED: [metric(core, core * GIB) for core in range(8)],
        DUTY_CYCLE: [metric(number, 10.0 * number) for number in range(duty_cycles)],
        MEMORY_BANDWIDTH: [metric(core, 10.0) for core in range(8)],
    }
    samples = at(opened(server.address, model="tpu-v7"), 0)
    theirs = usage(device.TpuChip.V7X, server.address)
    pairs = list(zip(theirs[::2], theirs[1::2], strict=True))

    assert [sample["chip"] for sample in samples] == [f"tpu-7/{chip}" for chip in range(4)]
    assert [sample["memory_used_bytes"] for sample in samples] == [a.memory_usage + b.memory_usage for a, b in pairs]
    assert [sample["memory_total_bytes"] for sample in samples] == [192 * GIB] * 4
    assert [100 * sample["utilization"] for sample in samples] == pytest.approx(
        [max(a.duty_cycle_pct, b.duty_cycle_pct) for a, b in pairs]
    )


def test_a_slice_numbers_its_chips_and_the_machine_its_own(server, opened, machine):
    """The second machine of a slice: the same names as if it were alone."""
    server.metrics = {
        name: [metric(chip, told[0].gauge.as_int or told[0].gauge.as_double) for chip in (8, 9, 12, 13)]
        for name, told in host().items()
    }
    samples = at(opened(server.address, machine=machine(4)), 0)

    assert [sample["chip"] for sample in samples] == [f"tpu-7/{chip}" for chip in range(4)]


class TestAbsent:
    """Nothing serves metrics unless a workload holds the chips."""

    def test_no_runtime_is_a_failure_with_one_line(self, opened):
        """It does not prove that the chips are idle: a workload may run without metrics."""
        with pytest.raises(SourceError, match="no TPU runtime at localhost:1; metrics are served") as raised:
            at(opened("localhost:1"), 0)

        assert not raised.value.batches

    def test_another_listener_is_told_from_nothing(self, web_port, opened, machine):
        """And is no proof that chips are idle."""
        for options in ({}, {"idle": True, "machine": machine(4)}):
            said = f"^the service at localhost:{web_port} is not the metric service of a TPU runtime$"
            with pytest.raises(SourceError, match=said) as raised:
                at(opened(f"localhost:{web_port}", **options), 0)
            assert not raised.value.batches

    def test_a_runtime_that_starts_again_is_read_again(self, opened):
        """Within seconds, with other chips and other metrics than before."""
        first, second = TpuServer(host(4, bandwidth=None)), TpuServer(host(2))
        with serving(first):
            source = opened(first.address)
            assert [sample["power_w"] for sample in at(source, 0)] == [None] * 4
        with pytest.raises(SourceError, match="no TPU runtime"):
            at(source, 1)
        with serving(second, int(first.address.split(":")[1])):
            samples = until_told(source, 2)

        assert len(samples) == 2
        assert all(sample["power_w"] for sample in samples)
        assert {sample["interval_ms"] for sample in samples} == {1000}  # what was between is nobody's reading

    def test_idle_chips_are_reported_when_the_operator_vouches_for_it(self, opened, machine):
        """As many as sysfs shows, at the catalogue's idle power, as an estimate."""
        samples = at(opened("localhost:1", idle=True, machine=machine(8)), 0)
        chip = chips.chip("tpu-v5e")

        assert [sample["chip"] for sample in samples] == [f"tpu-7/{place}" for place in range(8)]
        assert {sample["power_w"] for sample in samples} == {chip.idle_w}
        assert {sample["power_method"] for sample in samples} == {"model"}
        assert {sample["utilization"] for sample in samples} == {0}
        assert {sample["tensor_utilization"] for sample in samples} == {None}

    def test_a_runtime_that_fails_is_not_idle(self, server, opened, machine):
        """Something is there: it just does not tell."""
        server.status = grpc.StatusCode.INTERNAL
        with pytest.raises(SourceError, match="answers INTERNAL") as raised:
            at(opened(server.address, idle=True, machine=machine(8)), 0)

        assert not raised.value.batches

    def test_idle_needs_to_know_how_many_chips_there_are(self, opened):
        """A mistake that is told at once."""
        with pytest.raises(GigawattError, match="--idle: sysfs shows no TPU"):
            opened("localhost:1", idle=True)


class TestFailures:
    """A runtime that is there and does not tell."""

    def test_a_runtime_that_hangs_costs_the_timeout(self, server, opened):
        """No longer, and the next read is a new try."""
        source = opened(server.address, timeout_s=1.0)
        server.hang.clear()
        began_s = time.monotonic()
        with pytest.raises(SourceError, match=r"did not answer within 1 s"):
            at(source, 0)
        assert time.monotonic() - began_s < 30
        server.hang.set()

        assert len(until_told(source, 1)) == 4

    def test_a_runtime_that_hangs_later_does_too(self, server, opened):
        """Also once it is known what it offers."""
        source = opened(server.address, timeout_s=2.0)
        until_told(source)
        server.hang.clear()
        with pytest.raises(SourceError, match=r"did not answer within 2 s"):
            at(source, 601)

    @pytest.mark.parametrize(
        "status", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL]
    )
    def test_an_error_names_its_status(self, server, opened, status):
        """And asks whether this is the right address; the server's own words may change each time."""
        server.status = status
        with pytest.raises(
            SourceError,
            match=f"localhost:\\d+ answers {status.name}; check whether it is the metric service of a TPU runtime",
        ) as raised:
            at(opened(server.address), 0)

        assert "as the test wishes" not in str(raised.value)

    def test_a_metric_that_fails_does_not_cost_the_others(self, server, opened):
        """The chip is there, and what is missing is null."""
        server.listed = [*host(), "hlo.queue.size.gauge"]
        del server.metrics[MEMORY_USED]
        samples = at(opened(server.address), 0)

        assert [sample["memory_used_bytes"] for sample in samples] == [None] * 4
        assert [sample["utilization"] for sample in samples] == [1.0] * 4

    def test_a_runtime_that_does_not_list_its_metrics_is_asked_for_all(self, server, opened):
        """Older ones do not list."""
        server.listed = None

        assert len(at(opened(server.address), 0)) == 4
        assert {name for name, _ in server.asked} == {"list", *host()}

    def test_what_is_not_listed_is_not_asked_for(self, server, opened):
        """The list is read once, not each second."""
        server.metrics = host(bandwidth=None)
        source = opened(server.address)
        for second in range(3):
            at(source, second)

        assert [name for name, _ in server.asked].count("list") == 1
        assert MEMORY_BANDWIDTH not in {name for name, _ in server.asked}

    @pytest.mark.parametrize("chips_told", [0, 65])
    def test_a_runtime_with_no_chips_or_too_many_is_a_failure(self, server, opened, chips_told):
        """Something else answers, or something is very wrong."""
        server.metrics = host(chips_told)
        with pytest.raises(SourceError, match=f"reports {chips_told} chips"):
            at(opened(server.address), 0)

    def test_an_answer_that_is_no_message_is_a_failure(self, opened):
        """Another service, by chance of the same name."""
        handler = grpc.method_handlers_generic_handler(
            "tpu.monitoring.runtime.RuntimeMetricService",
            {
                name: grpc.unary_unary_rpc_method_handler(lambda *_: b"\xff\xff\xff")
                for name in ("GetRuntimeMetric", "ListSupportedMetrics")
            },
        )
        with serving(TpuServer(), handlers=[handler]) as odd, pytest.raises(SourceError, match="answers INTERNAL"):
            at(opened(odd.address), 0)


class TestTimes:
    """A service may say how old its values are."""

    def test_a_value_of_the_same_time_is_not_reported_again(self, server, opened):
        """Refreshed each fifth second: five seconds in one sample."""
        source, told = opened(server.address), []
        for second in range(16):
            server.metrics = host(1, stamp_s=1000 + second // 5)
            told.append(at(source, second))

        assert [len(samples) for samples in told] == [1, *[0, 0, 0, 0, 1] * 3]
        assert [samples[0]["interval_ms"] for samples in told[5::5]] == [5000] * 3

    def test_the_same_value_of_another_time_is_new(self, server, opened):
        """A chip may be busy for hours."""
        source = opened(server.address)
        for second in range(3):
            server.metrics = host(1, stamp_s=1000 + second)
            assert [sample["interval_ms"] for sample in at(source, second)] == [1000]

    def test_without_times_each_read_is_new(self, server, opened):
        """The runtime was asked and has answered."""
        source = opened(server.address)

        assert [len(at(source, second)) for second in range(3)] == [4] * 3


class TestSeveral:
    """A runtime in each of several processes."""

    def test_each_is_asked_for_its_own(self, server, opened):
        """One alone is asked for all that its node knows."""
        with serving(TpuServer(host(2, first=4))) as other:
            samples = at(opened(server.address, other.address), 0)
            assert {own for name, own in other.asked if name != "list"} == {True}
        at(opened(server.address), 0)

        assert [sample["chip"] for sample in samples] == [f"tpu-7/{chip}" for chip in range(6)]
        assert server.asked[-1][1] is False

    def test_a_process_for_each_chip(self, opened, machine):
        """Each calls its chip 0: the port's place is the chip's, also when one of them is not there."""
        with serving(TpuServer(host(1))) as first, serving(TpuServer(host(1))) as third:
            source = opened(first.address, "localhost:1", third.address, "localhost:2", machine=machine(4))

            assert [sample["chip"] for sample in at(source, 0)] == ["tpu-7/0", "tpu-7/2"]

    def test_chips_that_are_told_twice_count_once(self, server, opened, machine):
        """By a service that answers for its whole node all the same, or by two that share them in turns."""
        with serving(TpuServer(host(4, duty=0.0))) as other:
            samples = at(opened(other.address, server.address, machine=machine(4)), 0)

        assert [sample["chip"] for sample in samples] == [f"tpu-7/{chip}" for chip in range(4)]
        assert [sample["utilization"] for sample in samples] == [1.0] * 4

    def test_one_that_hangs_does_not_cost_the_others(self, server, opened):
        """What could be read is with the error."""
        with serving(TpuServer(host(1, first=4))) as other:
            source = opened(server.address, other.address, timeout_s=2.0)
            until_told(source)
            other.hang.clear()
            with pytest.raises(SourceError, match=f"{other.address} did not answer") as raised:
                at(source, 601)

        assert sum(batch.samples.num_rows for batch in raised.value.batches) == 4


class TestLibtpu:
    """libtpu's monitoring library tells what its service does not."""

    TOLD = {  # noqa: RUF012  never written
        "tensorcore_util": ["10.00", "20.00", "30.00", "40.00"],
        "tpu_throttle_score": ["0-0", "1-0", "2-5", "3-0"],
        "hbm_util": ["1.00", "1.00", "1.00", "1.00"],
    }
    ONCE = replace(HERE, once=True)  # which waits for the library to load

    def test_tensorcore_utilization_comes_from_the_library(self, server, opened, tmp_path):
        """And makes the estimate narrower; what the runtime tells goes first."""
        python = python_with_libtpu(tmp_path, self.TOLD)
        samples = at(opened(server.address, libtpu=python, where=self.ONCE), 0)
        without = at(opened(server.address), 0)

        assert [sample["tensor_utilization"] for sample in samples] == pytest.approx([0.1, 0.2, 0.3, 0.4])
        assert [sample["throttle"] for sample in samples] == [0, 0, 8, 0]
        assert [sample["utilization"] for sample in samples] == [1.0] * 4
        assert samples[2]["power_w"] == pytest.approx(60 + 140 * (0.95 * 0.3 + 0.6 * 0.5))
        assert all(
            sample["power_error_w"] < wide["power_error_w"] for sample, wide in zip(samples, without, strict=True)
        )

    def test_the_library_may_tell_of_chips_that_no_workload_holds(self, opened, machine, tmp_path):
        """Then they are known to be idle, and no runtime is missed."""
        python = python_with_libtpu(tmp_path / "libtpu", {"tensorcore_util": ["0.00"] * 4, "hbm_util": ["0.00"] * 4})
        samples = at(opened("localhost:1", libtpu=python, machine=machine(4), where=self.ONCE), 0)

        assert [sample["tensor_utilization"] for sample in samples] == [0.0] * 4
        assert {sample["power_w"] for sample in samples} == {chips.chip("tpu-v5e").idle_w}
        assert {sample["utilization"] for sample in samples} == {None}

    def test_a_library_that_knows_no_tpu_adds_nothing(self, server, opened, tmp_path):
        """Empty lists."""
        samples = at(opened(server.address, libtpu=python_with_libtpu(tmp_path), where=self.ONCE), 0)

        assert [sample["tensor_utilization"] for sample in samples] == [None] * 4

    def test_chips_that_may_be_others_are_not_joined(self, server, opened, tmp_path):
        """Two of four chips are held, and nothing says which two."""
        server.metrics = host(2)
        samples = at(opened(server.address, libtpu=python_with_libtpu(tmp_path, self.TOLD), where=self.ONCE), 0)

        assert [sample["tensor_utilization"] for sample in samples] == [None] * 2

    def test_a_python_without_it_is_a_failure_that_costs_nothing_else(self, server, opened, tmp_path):
        """The samples are with the error."""
        source = opened(server.address, libtpu=str(tmp_path / "python9"))
        with pytest.raises(SourceError, match=r"python9 cannot be started") as raised:
            at(source, 0)
        with pytest.raises(SourceError, match=r"no TPU runtime at localhost:1; .*; .*python9 cannot be started"):
            at(opened("localhost:1", libtpu=str(tmp_path / "python9")), 0)

        assert [batch.samples.num_rows for batch in raised.value.batches] == [4]


class TestModel:
    """Which model the chips are."""

    @pytest.mark.parametrize(
        ("flag", "count", "model"),
        [(None, 4, "tpu-v5p"), (None, 0, "tpu-v6e"), ("tpu-v4", 4, "tpu-v4")],
        ids=["sysfs", "environment", "flag"],
    )
    def test_the_flag_goes_before_sysfs_and_that_before_the_environment(self, opened, machine, flag, count, model):
        """The operator knows best."""
        here = machine(count, "0x0062", environment={"TPU_ACCELERATOR_TYPE": "v6e-8"})
        with serving(TpuServer()) as running:
            samples = at(opened(running.address, model=flag, machine=here), 0)

        assert {sample["model"] for sample in samples} == {model}

    def test_an_unknown_model_is_asked_for(self, opened):
        """One line, with the flag."""
        with pytest.raises(GigawattError, match="set --model"):
            opened("localhost:1", model=None)

    def test_a_mistyped_model_names_the_closest(self, opened):
        """As everywhere."""
        with pytest.raises(GigawattError, match="did you mean tpu-v5e"):
            opened("localhost:1", model="tpuv5e")
        with pytest.raises(GigawattError, match="h100-sxm is not a TPU"):
            opened("localhost:1", model="h100-sxm")

    def test_a_calibrated_model_need_not_be_known(self, server, opened, tmp_path):
        """A new model is a table in a file."""
        path = tmp_path / "calibration.toml"
        path.write_text(CALIBRATION)
        server.metrics = host(1, duty=0.0)
        (sample,) = at(opened(server.address, model="tpu-v99", calibration=path), 0)

        assert (sample["model"], sample["power_w"]) == ("tpu-v99", 100 + 400 * 0.5 * 0.5)


def test_grpc_is_loaded_when_the_source_is_opened():
    """Not by whoever looks at the file: it takes a tenth of a second and 10 MB."""
    program = "import sys, producers.sources.tpu; print({'grpc', 'google.protobuf'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_addresses_are_those_of_the_environment():
    """A runtime serves at the ports that it finds there."""
    assert addresses_of({}) == ["localhost:8431"]
    assert addresses_of({"TPU_RUNTIME_METRICS_PORTS": ""}) == ["localhost:8431"]
    assert addresses_of({"TPU_RUNTIME_METRICS_PORTS": "8431, 8432"}) == ["localhost:8431", "localhost:8432"]
    for wrong in ("x", "8431,99999"):
        with pytest.raises(GigawattError, match="use --address"):
            addresses_of({"TPU_RUNTIME_METRICS_PORTS": wrong})


@pytest.mark.parametrize("wrong", ["8431", "localhost", "http://localhost:8431"])
def test_an_address_without_host_or_port_is_refused(wrong):
    """At once, by the command line."""
    command = click.Command("tpu", params=list(OPTIONS))
    with pytest.raises(click.BadParameter, match="neither HOST:PORT"):
        command.make_context("tpu", ["--address", wrong])


def test_a_unix_socket_is_an_address(opened, tmp_path):
    """A runtime can serve there."""
    with serving(TpuServer(), at=f"unix:{tmp_path}/metrics") as running:
        assert len(at(opened(running.address), 0)) == 4


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(answers=any_answers)
def test_nothing_that_a_service_sends_breaks_it(server, opened, answers):
    """Samples that the worker accepts, or the one error that a source may raise."""
    server.metrics = answers
    source = opened(server.address)
    try:
        batches = source.read(Tick(START_MS, 1000))
    except SourceError as error:
        batches = error.batches
    source.close()
    for batch in batches:
        assert not checks.refusals(wire.columns([batch.samples]), START_MS).any()


class TestLook:
    """What a machine has, in one line."""

    @pytest.mark.parametrize(
        ("count", "environment", "ports", "says"),
        [
            (4, {}, set(), r"\+ 4 tpu-v5e; a runtime reports them at localhost:8431 once a workload holds them"),
            (4, {}, {2112}, "- 4 tpu-v5e, no runtime at localhost:8431, but .*; use tpu_gke"),
            (
                0,
                {"TPU_ACCELERATOR_TYPE": "v6e-8"},
                set(),
                r"\+ tpu-v6e; a runtime reports them at localhost:8431 once .*",
            ),
            (0, {}, set(), "- no known TPU: neither sysfs nor TPU_ACCELERATOR_TYPE names one"),
            (4, {"TPU_RUNTIME_METRICS_PORTS": "x"}, set(), "- TPU_RUNTIME_METRICS_PORTS=x.*"),
        ],
    )
    def test_what_is_found(self, machine, count, environment, ports, says):
        """Chips count also while nothing holds them, unless GKE's plugin can tell of them."""
        finding = look(machine(count, environment=environment, listens=lambda _host, port: port in ports))

        assert re.fullmatch(says, f"{'+' if finding.found else '-'} {finding.says}")

    @pytest.fixture
    def at_ports(self, machine):
        """Look at a machine of so many chips, whose runtimes should be at these ports."""

        def look_there(count, *ports, **within_s):
            environment = {"TPU_RUNTIME_METRICS_PORTS": ",".join(map(str, ports))}
            return look(machine(count, environment=environment, listens=listens), **within_s)

        return look_there

    def test_a_runtime_is_one_that_answers(self, server, at_ports):
        """At whichever of the ports."""
        port = server.address.rpartition(":")[2]
        finding = at_ports(4, 1, port, within_s=60.0)

        assert finding.found
        assert finding.says == f"4 tpu-v5e, and a runtime that reports them at {server.address}"

    def test_a_runtime_of_chips_that_are_not_known_is_a_hint(self, server, at_ports):
        finding = at_ports(0, server.address.rpartition(":")[2], within_s=60.0)

        assert not finding.found
        assert finding.says.endswith(f"a runtime answers at {server.address}: gigawatt produce tpu --model MODEL")

    @pytest.mark.parametrize("count", [4, 0])
    def test_another_listener_is_none(self, web_port, at_ports, count):
        """A web server, for one."""
        finding = at_ports(count, web_port, within_s=60.0)

        assert finding.found == (count > 0)
        assert (f"the service at localhost:{web_port} is not the metric service" in finding.says) == finding.found
        assert "a runtime answers" not in finding.says

    def test_a_listener_that_says_nothing_is_none(self, at_ports):
        """It has not a second."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            began_s = time.monotonic()
            finding = at_ports(4, silent.getsockname()[1])
            assert time.monotonic() - began_s < 30

        assert finding.says.endswith("did not answer within 0.6 s")

    def test_grpc_is_not_loaded_where_nothing_listens(self):
        """It takes 10 MB, of every host that is looked at."""
        program = (
            "import sys; from producers.discovery import Machine; from producers.sources.tpu import look;"
            "print(look(Machine(environment={'TPU_RUNTIME_METRICS_PORTS': '1'})).found, 'grpc' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

        assert done.stdout.split()[1] == "False"

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import psutil
import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from producers.discovery import Machine
from producers.source import SourceDoneError, SourceError, Tick, Where
from producers.sources.trainium import OPTIONS, look, open_source
from schema import checks, wire
from schema.chips import chip
from schema.errors import GigawattError
from tests.producers.neuron_stub import line, power_line, runtime, write_command, write_device
from tests.recordings import RECORDINGS, with_recordings

MINUTE_S = 29_833_334 * 60  # a whole minute
PROJECT = Path(__file__).parents[3]
RECORDING = RECORDINGS / "trainium" / "neuron-monitor-inf2-under-load.json"
WHERE = Where("north", "train", "node-1")


class World:
    """A machine: the driver's directory, and a pipe in which reports arrive at the second that a test says."""

    def __init__(self, directory):
        self.sysfs = directory / "neuron_device"
        self._opened = []
        self._second = 0
        self._reading, self._writing = os.pipe()

    def power(self, end, *, devices=1, **options):
        """Write all devices' power files: a window that ended at that second."""
        for number in range(devices):
            write_device(self.sysfs, number, serial=f"5e{number}", power=power_line(MINUTE_S + end, **options))

    def open(self, where=WHERE, **options):
        piped = {"neuron_monitor": "-", "standard_input": self._reading, "now": lambda: MINUTE_S + self._second}
        self._opened.append(open_source(where, sysfs=self.sysfs, **(piped | options)))
        return self._opened[-1]

    def say(self, second, text):
        """Have a line arrive at that second, and wait until it has."""
        self._second = second
        monitor = self._opened[-1]._host._monitor  # nobody else knows when a thread has read
        before = len(monitor._arrived) + len(monitor._malformed)
        os.write(self._writing, text)
        until(lambda: len(monitor._arrived) + len(monitor._malformed) > before)

    def hang_up(self):
        if self._writing:
            os.close(self._writing)
        self._writing = None

    def close(self):
        self.hang_up()
        for source in self._opened:
            source.close()


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


def until(answer, within_s=60):
    end_s = time.monotonic() + within_s
    while not (found := answer()):
        assert time.monotonic() < end_s, "nothing came"
        time.sleep(0.005)
    return found


def at(source, second):
    """Read at that second; return the samples as dictionaries, their ends in seconds. Whatever is amiss is passed."""
    try:
        batches = source.read(Tick((MINUTE_S + second) * 1000, 1000))
    except SourceError as error:
        batches = error.batches
    for batch in batches:
        assert not checks.refusals(wire.columns([batch.samples]), (MINUTE_S + second) * 1000).any()
    samples = [sample for batch in batches for sample in batch.samples.to_pylist()]
    return [sample | {"ts": sample["ts"].timestamp() - MINUTE_S} for sample in samples]


def amiss(source, second):
    """Read at that second; return what the operator is told."""
    with pytest.raises(SourceError) as raised:
        source.read(Tick((MINUTE_S + second) * 1000, 1000))
    return str(raised.value)


def test_a_device_is_a_sample_a_minute(world):
    """Labels, units and the power's method are the contract's."""
    world.power(0)
    source = world.open()
    assert at(source, 1) == []
    for second in range(2, 61):
        world.say(second, line(runtime({0: (20.0, 10**12), 1: (60.0, 10**12)}, held={0: 500, 1: 600})))
        assert at(source, second) == []
    world.power(60, low=10.0, high=90.0, mean=50.0)
    (sample,) = at(source, 61)

    assert sample == {
        "ts": 60.0,
        "interval_ms": 60_000,
        "site": "north",
        "fleet": "train",
        "platform": "trainium",
        "model": "trn1",
        "host": "node-1",
        "chip": "5e0",
        "job": None,
        "power_w": pytest.approx(60 + 0.5 * 240),
        "power_method": "percent",
        "power_error_w": pytest.approx(((0.25 * 180) ** 2 + (240 * 0.4) ** 2 / 60) ** 0.5),
        "utilization": pytest.approx(0.4),
        "tensor_utilization": None,
        "memory_used_bytes": 1100,
        "memory_total_bytes": 32 * 2**30,
        "temperature_c": None,
        "throttle": None,
        "energy_j": None,
    }
    assert [at(source, second) for second in range(62, 120)] == [[]] * 58


def test_devices_go_together(world):
    """One batch of the host, and each device has its own power and utilization."""
    world.power(0, devices=2)
    source = world.open()
    at(source, 1)
    world.say(60, line(runtime({0: 10.0, 2: 90.0}, period=60.0), devices=2))
    world.power(60, devices=2, mean=20.0)
    write_device(world.sysfs, 1, serial="5e1", power=power_line(MINUTE_S + 60, low=80.0, high=90.0, mean=85.0))
    samples = at(source, 60)

    assert [sample["chip"] for sample in samples] == ["5e0", "5e1"]
    assert [sample["utilization"] for sample in samples] == [pytest.approx(0.05), pytest.approx(0.45)]
    assert [sample["power_w"] for sample in samples] == [pytest.approx(60 + 0.2 * 240), pytest.approx(60 + 0.85 * 240)]


def test_the_operators_figures_go_before_the_catalogues(world):
    """And tensor utilization is there as soon as there is a peak to compare with."""
    world.power(0)
    source = world.open(model="trn3", base_w=200.0, max_w=1200.0, peak_tflops=8.0)
    at(source, 1)
    world.say(60, line(runtime({0: (50.0, 10**12), 1: (50.0, 10**12)}, period=60.0)))
    world.power(60, low=30.0, high=30.0, mean=30.0)
    (sample,) = at(source, 60)

    assert (sample["model"], sample["power_w"], sample["power_error_w"]) == ("trn3", 500.0, 50.0)
    assert sample["tensor_utilization"] == 0.25


def test_a_peak_below_what_was_measured_is_no_peak(world):
    """It is said once, and nothing is cut to fit."""
    world.power(0)
    source = world.open(peak_tflops=1.0)
    at(source, 1)
    world.say(60, line(runtime({0: (50.0, 10**12), 1: (50.0, 10**12)}, period=60.0)))
    world.power(60)
    with capture_logs() as logs:
        (sample,) = at(source, 60)

    assert sample["tensor_utilization"] is None
    assert ["--peak-tflops" in entry["event"] for entry in logs] == [True]


def test_a_minute_without_reports_has_power_alone(world):
    world.power(0)
    source = world.open(neuron_monitor="")
    at(source, 1)
    world.power(60)
    (sample,) = at(source, 60)

    assert sample["power_w"] > 0
    assert [sample[name] for name in ("utilization", "memory_used_bytes", "memory_total_bytes")] == [None] * 3


def test_a_device_without_data_has_utilization_alone(world):
    """The firmware may publish no power: that is said once, and is no failure."""
    world.power(0, status="NO_DATA", low=0, high=0, mean=0)
    source = world.open()
    with capture_logs() as logs:
        at(source, 1)
        world.say(30, line(runtime({0: 50.0, 1: 50.0}, period=20.0)))
        world.power(60, status="NO_DATA", low=0, high=0, mean=0)
        told = [sample for second in range(30, 70) for sample in at(source, second)]

    assert [(sample["ts"], sample["interval_ms"], sample["utilization"]) for sample in told] == [(30.0, 20_000, 0.5)]
    assert [told[0][name] for name in ("power_w", "power_method", "power_error_w")] == [None] * 3
    assert ["no power data" in entry["event"] for entry in logs] == [True]


def test_a_driver_without_a_power_file_says_so(world):
    """Which file that would be, and how another is named."""
    write_device(world.sysfs, 0)
    source = world.open()
    with capture_logs() as logs:
        at(source, 1)
        at(source, 2)
    file = f"{world.sysfs}/neuron0/stats/power/utilization"

    assert [entry["event"] for entry in logs] == [
        f"{file} is missing, so watts are unknown; set its path with --power-file"
    ]


def test_a_power_file_that_the_driver_moved_is_read_where_it_is(world):
    """It is looked for once and said once, of all devices; and no chip gets another name."""
    for number in range(2):
        device = world.sysfs / f"neuron{number}"
        for path, text in (("identity/serial_number", f"5e{number}\n"), ("identity/device_name", "Trainium1\n")):
            (device / path).parent.mkdir(parents=True, exist_ok=True)
            (device / path).write_text(text)
        (device / "telemetry").mkdir()
        (device / "telemetry/power_window").write_text(power_line(MINUTE_S))
    source = world.open()
    with capture_logs() as logs:
        at(source, 1)
        for number in range(2):
            (world.sysfs / f"neuron{number}/telemetry/power_window").write_text(power_line(MINUTE_S + 60, mean=20.0))
        told = at(source, 61)

    assert [(sample["chip"], sample["model"], round(sample["power_w"])) for sample in told] == [
        ("5e0", "trn1", 108), ("5e1", "trn1", 108),
    ]  # fmt: skip
    assert [entry["event"] for entry in logs] == [
        "the driver keeps its power files at neuron{device}/telemetry/power_window; reading them there"
    ]


def test_a_device_that_reports_and_shows_no_power_is_said_to_lack_watts_once(world):
    """Whatever else the driver moved: it has utilization, and the name that it had."""
    (world.sysfs / "neuron0/power").mkdir(parents=True)
    (world.sysfs / "neuron0/power/control").write_text("auto\n")
    source = world.open()
    with capture_logs() as logs:
        at(source, 1)
        for second in (30, 60, 90):
            world.say(second, line(runtime({0: 50.0, 1: 50.0}, period=20.0)))
            told = [*at(source, second), *at(source, second + 8)]
            assert {(sample["chip"], sample["power_w"]) for sample in told} <= {("node-1/0", None)}

    file = f"{world.sysfs}/neuron0/stats/power/utilization"
    assert [entry["event"] for entry in logs] == [
        f"{file} is missing, so watts are unknown; set its path with --power-file"
    ]


def test_several_files_like_a_power_file_are_named(world):
    for die in range(2):
        (world.sysfs / f"neuron0/dies/{die}").mkdir(parents=True)
        (world.sysfs / f"neuron0/dies/{die}/power").write_text(power_line(MINUTE_S))
    source = world.open(neuron_monitor="")

    assert "several files match (dies/0/power, dies/1/power); choose one with --power-file" in amiss(source, 1)


def test_the_power_file_may_be_elsewhere(world):
    write_device(world.sysfs, 0)
    moved = world.sysfs / "neuron0/moved"
    source = world.open(power_file="neuron{device}/moved")
    moved.write_text(power_line(MINUTE_S))
    at(source, 1)
    moved.write_text(power_line(MINUTE_S + 60))

    assert at(source, 60)[0]["power_w"] > 0


def test_a_power_file_that_makes_no_sense_costs_its_device_alone(world):
    world.power(0, devices=2)
    source = world.open()
    at(source, 1)
    world.power(60, devices=2)
    (world.sysfs / "neuron0/stats/power/utilization").write_text("who knows\n")

    assert "neuron0/stats/power/utilization holds no power line: 'who knows\\n'" in amiss(source, 60)
    world.power(120, devices=2)
    assert [(sample["chip"], sample["ts"]) for sample in at(source, 120)] == [("5e0", 120.0), ("5e1", 120.0)]


def test_a_driver_that_stands_still_is_told(world):
    """It closes a window in each minute, with data or without."""
    world.power(0)
    source = world.open()

    assert at(source, 150) == []
    assert "the power of neuron0 does not change" in amiss(source, 151)


def test_a_device_without_a_serial_number_is_host_and_number(world):
    """As are those of which two have the same."""
    for number, serial in enumerate([None, "5e", "5e"]):
        write_device(world.sysfs, number, serial=serial, power=power_line(MINUTE_S))
    source = world.open()
    at(source, 1)
    for number, serial in enumerate([None, "5e", "5e"]):
        write_device(world.sysfs, number, serial=serial, power=power_line(MINUTE_S + 60))

    assert [sample["chip"] for sample in at(source, 60)] == ["node-1/0", "5e", "node-1/2"]


def test_reports_alone_are_enough(world):
    """Where the pipe comes from another machine, there is no driver's directory to look at."""
    source = world.open()
    at(source, 0)
    world.say(60, line(runtime({0: 50.0, 3: 100.0}, period=60.0), devices=2, kind="Trainium2"))
    samples = at(source, 66)

    assert [(sample["chip"], sample["model"], sample["utilization"], sample["power_w"]) for sample in samples] == [
        ("node-1/0", "trn2", 0.25, None),
        ("node-1/1", "trn2", 0.5, None),
    ]


def test_a_pod_is_a_job(world):
    pods = {"neurondevices_k8s_info": {"0": {"pod_name": "pretrain-0", "namespace": "llm"}}}
    source = world.open()
    at(source, 0)
    world.say(60, line(runtime({0: 50.0}, period=60.0), neuron_k8s_info=pods))

    assert [sample["job"] for sample in at(source, 66)] == ["llm/pretrain-0"]


def test_reports_that_state_no_period_last_since_the_one_before(world):
    """With no runtime there are no counters, and the devices are idle."""
    source = world.open()
    at(source, 0)
    for second in (10, 40):
        world.say(second, line())
    (sample,) = at(source, 66)

    assert (sample["ts"], sample["interval_ms"], sample["utilization"]) == (40.0, 30_000, 0.0)


def test_reports_never_count_twice(world):
    """Those of five seconds, printed each second, are the last second's news."""
    source = world.open()
    at(source, 0)
    for second, busy in [(5, 0.0), (6, 100.0), (7, 100.0)]:
        world.say(second, line(runtime({0: busy, 1: busy}, period=5.0)))
    (sample,) = at(source, 66)

    assert (sample["ts"], sample["interval_ms"]) == (7.0, 7_000)
    assert sample["utilization"] == pytest.approx(2 / 7)


def test_an_error_in_a_report_is_told(world):
    """With what could be read all the same."""
    source = world.open()
    at(source, 0)
    world.say(60, line(runtime({0: 50.0, 1: 50.0}, period=60.0), runtime({}, error="lost runtime"), devices=2))

    assert amiss(source, 60) == "neuron-monitor reports an error: lost runtime"
    assert [sample["utilization"] for sample in at(source, 66)] == [0.5]  # and of the second device nothing is known


def test_a_line_that_is_no_report_is_told_and_passed_over(world):
    source = world.open()
    at(source, 0)
    world.say(30, b"panic: nil map\n")

    assert amiss(source, 30) == "standard input printed a line that is not a report: no JSON"
    assert at(source, 31) == []


def test_power_goes_on_when_the_pipe_ends(world):
    """Utilization does not, and the operator is told why."""
    world.power(0)
    source = world.open()
    at(source, 1)
    world.say(30, line(runtime({0: 50.0, 1: 50.0}, period=30.0)))
    world.hang_up()
    until(lambda: source._host._monitor.ended)
    world.power(60)

    assert "standard input has ended" in amiss(source, 31)
    assert [(sample["ts"], sample["utilization"]) for sample in at(source, 60)] == [(60.0, 0.5)]


def test_the_source_is_done_when_the_pipe_ends_and_there_is_no_driver(world):
    """What it had is told first."""
    source = world.open()
    at(source, 0)
    world.say(30, line(runtime({0: 50.0, 1: 50.0}, period=30.0)))
    world.hang_up()
    until(lambda: source._host._monitor.ended)

    assert [(sample["ts"], sample["utilization"]) for sample in at(source, 31)] == [(30.0, 0.5)]
    assert at(source, 32) == []
    with pytest.raises(SourceDoneError):
        source.read(Tick((MINUTE_S + 33) * 1000, 1000))


def test_a_real_monitor_is_started_and_ended(world, tmp_path):
    """A command that prints as neuron-monitor does, each second that its configuration asks for."""
    body = f"""
    while True:
        say({line(runtime({0: 50.0, 1: 50.0}))!r})
        time.sleep(period_s / 20)
    """
    command = write_command(tmp_path, body)
    source = world.open(neuron_monitor=str(command), now=time.time)
    start = time.time() - MINUTE_S
    at(source, start)
    until(lambda: len(source._host._monitor._arrived) > 2)
    told = at(source, start + 70)
    pid = int((tmp_path / "starts").read_text())
    assert psutil.pid_exists(pid)
    source.close()

    assert {sample["utilization"] for sample in told} == {0.5}
    until(lambda: not psutil.pid_exists(pid))


def test_a_monitor_that_hangs_delays_no_read(world, tmp_path):
    world.power(0)
    source = world.open(neuron_monitor=str(write_command(tmp_path, "time.sleep(600)")))
    began_s = time.monotonic()
    for second in (1, 59, 60):
        world.power(60 * (second // 60))
        told = at(source, second)

    assert len(told) == 1
    assert time.monotonic() - began_s < 30


def test_a_monitor_that_dies_is_told(world, tmp_path):
    """Power goes on meanwhile."""
    world.power(0)
    source = world.open(neuron_monitor=str(write_command(tmp_path, "sys.exit('no driver')")))
    at(source, 1)
    until(source._host._monitor.trouble)
    world.power(60)

    assert "exited with status 1 (no driver); utilization is unknown until it is restarted" in amiss(source, 60)


def test_a_command_is_found_among_aws_tools(world, tmp_path):
    """They are on nobody's path but that of a login shell."""
    write_command(tmp_path, f"say({line(runtime({0: 50.0}))!r}); time.sleep(60)")
    source = world.open(neuron_monitor="neuron-monitor", tools=tmp_path)

    assert source._host._monitor.news.wait(60)
    assert source._host._monitor.trouble() is None


@pytest.mark.parametrize("command", ["neuron-monitor", "/nowhere/neuron-monitor --verbose 1"])
def test_a_command_that_is_not_there_says_how_to_get_it(world, tmp_path, command):
    with pytest.raises(GigawattError, match=r"neuron-monitor is not installed: .* aws-neuronx-tools"):
        world.open(neuron_monitor=command, tools=tmp_path)


def test_a_machine_without_a_driver_is_told_to_begin_with_that(world, tmp_path):
    """Before the tools, which are of no use without."""
    missing = rf"^no Neuron device under {world.sysfs} \(.*aws-neuronx-dkms\), and neuron-monitor is not installed"
    with pytest.raises(GigawattError, match=missing):
        world.open(neuron_monitor="neuron-monitor", tools=tmp_path)
    world.power(0)
    with pytest.raises(GigawattError, match=r"^neuron-monitor is not installed"):
        world.open(neuron_monitor="neuron-monitor", tools=tmp_path)


def test_a_command_that_may_not_be_executed_is_not_called_missing(world, tmp_path):
    """By its path, and among AWS' tools."""
    command = tmp_path / "neuron-monitor"
    command.write_text("")
    for named in ("neuron-monitor", str(command)):
        with pytest.raises(
            GigawattError, match=rf"^{command} is not executable; run: chmod \+x {command}; set another"
        ):
            world.open(neuron_monitor=named, tools=tmp_path)


def test_a_model_beyond_the_catalogue_needs_its_watts(world):
    """A new one is named with what it draws."""
    world.open(model="trn9", max_w=1500.0)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"model": "trn22"}, "unknown chip model 'trn22'; did you mean trn2"),
        ({"model": "h100-sxm", "max_w": 700.0}, "h100-sxm is not a Neuron device; set --model"),
        ({"power_file": "neuron0/power"}, "--power-file needs {device}"),
        ({"base_w": 300.0, "max_w": 300.0}, "--base-w and --max-w"),
        ({"model": "inf2", "base_w": 300.0}, "the base power of inf2, 300 W, is not below its maximum, 100 W"),
        ({"neuron_monitor": "'"}, "cannot be split into words"),
    ],
)
def test_a_flag_that_cannot_be_is_refused(world, options, why):
    with pytest.raises(GigawattError, match=why):
        world.open(**options)


def test_a_terminal_is_no_pipe(world):
    ours, theirs = os.openpty()
    with pytest.raises(GigawattError, match="standard input is a terminal"):
        world.open(standard_input=theirs)
    os.close(ours)
    os.close(theirs)


def test_a_model_that_nobody_knows_has_no_watts_and_says_so(world):
    write_device(world.sysfs, 0, kind="Trainium9", power=power_line(MINUTE_S))
    source = world.open()
    at(source, 1)
    write_device(world.sysfs, 0, kind="Trainium9", power=power_line(MINUTE_S + 60))

    with pytest.raises(SourceError, match="the power of trn9 at 100 percent") as raised:
        source.read(Tick((MINUTE_S + 60) * 1000, 1000))
    assert raised.value.batches[0].samples.column("power_w").to_pylist() == [None]


def test_a_machine_without_devices_says_so(world):
    source = world.open(neuron_monitor="")

    assert amiss(source, 1) == (f"no Neuron device under {world.sysfs}: the driver is the package aws-neuronx-dkms")


class TestOnce:
    """A single look tells the last minute of power, and of utilization what the first report says."""

    where = Where("north", "train", "node-1", once=True)

    def test_power_and_utilization(self, world, tmp_path):
        """Two rectangles, for they are of different times."""
        world.power(0)
        body = f"say({line(runtime({0: 50.0, 1: 50.0}))!r}); time.sleep(60)"
        source = world.open(self.where, neuron_monitor=str(write_command(tmp_path, body)), now=lambda: MINUTE_S + 12)
        told = at(source, 10)

        assert [(one["ts"], one["interval_ms"], one["utilization"], one["power_method"]) for one in told] == [
            (0.0, 60_000, None, "percent"),
            (10.0, 1_000, 0.5, None),
        ]

    def test_a_window_of_long_ago(self, world):
        """It is not told as if it were of now."""
        world.power(0)
        source = world.open(self.where, neuron_monitor="")

        assert "does not change" in amiss(source, 151)
        assert at(source, 152) == []

    def test_nothing_at_all(self, world):
        world.hang_up()

        assert "standard input has ended" in amiss(world.open(self.where), 1)

    @with_recordings
    def test_a_recorded_report(self, world):
        """One Inferentia2 at 25.05 and 0 percent, as one reads in the file."""
        source = world.open(self.where)
        world.say(10, RECORDING.read_bytes())
        (sample,) = at(source, 10)

        assert sample["utilization"] == pytest.approx(0.1252288845)
        assert [sample[name] for name in ("model", "interval_ms", "memory_used_bytes", "memory_total_bytes")] == [
            "inf2",
            5_000,
            110_950_976,
            34_359_738_368,
        ]


def test_the_command_line_reads_a_pipe(tmp_path):
    """As an operator looks first: what neuron-monitor prints goes in, samples as JSON come out."""
    write_device(tmp_path, 0, serial="5e0", power=power_line(int(time.time()) // 60 * 60, mean=50.0, high=60.0))
    flags = ["--once", "--to=-", "--host=node-1", "--neuron-monitor=-", f"--sysfs={tmp_path}"]
    told = subprocess.run(
        [sys.executable, "-m", "gigawatt", "produce", "trainium", *flags],
        input=line(runtime({0: 50.0, 1: 50.0})),
        capture_output=True,
        cwd=PROJECT,
        check=True,
    )
    samples = [json.loads(text) for text in told.stdout.splitlines()]

    assert [(one["chip"], one.get("power_w"), one.get("utilization")) for one in samples] == [
        ("5e0", 180.0, None),
        ("5e0", None, 0.5),
    ]


def test_help_says_that_watts_are_guessed():
    command = click.Command("trainium", params=list(OPTIONS))
    text = " ".join(CliRunner().invoke(command, ["--help"]).output.split())

    assert "[default: 20% of the maximum, a guess]" in text
    assert "a guess for all models" in text
    assert all(chip(model).peak.evidence == "guessed" for model in ("inf2", "trn1", "trn2", "trn3"))


class TestLook:
    """What `auto` learns of this machine."""

    @staticmethod
    def machine(root, *, on_path=False):
        return Machine(root, {}, lambda name: f"/usr/bin/{name}" if on_path else None, lambda _host, _port: False)

    @staticmethod
    def devices(root, count):
        sysfs = root / "sys/devices/virtual/neuron_device"
        for number in range(count):
            write_device(sysfs, number, kind="Trainium2")
        return sysfs

    def test_devices_and_tools(self, tmp_path):
        sysfs = self.devices(tmp_path, 16)
        finding = look(self.machine(tmp_path, on_path=True))

        assert finding.says == "16 Neuron devices (trn2)"
        assert finding.options == {"sysfs": sysfs, "neuron_monitor": "neuron-monitor"}

    def test_tools_off_the_path(self, tmp_path):
        self.devices(tmp_path, 1)
        (tmp_path / "opt/aws/neuron/bin").mkdir(parents=True)
        command = write_command(tmp_path / "opt/aws/neuron/bin", "")

        assert look(self.machine(tmp_path)).options["neuron_monitor"] == str(command)

    def test_devices_without_tools(self, tmp_path):
        """Power can be read all the same."""
        sysfs = self.devices(tmp_path, 1)
        finding = look(self.machine(tmp_path))

        assert finding.says == (
            "1 Neuron devices (trn2), power only: utilization needs neuron-monitor, and it comes with the package"
            " aws-neuronx-tools, in /opt/aws/neuron/bin"
        )
        assert finding.options == {"sysfs": sysfs, "neuron_monitor": ""}

    def test_nothing(self, tmp_path):
        finding = look(self.machine(tmp_path, on_path=True))

        assert not finding.found
        assert "no Neuron device under" in finding.says
        assert "aws-neuronx-dkms" in finding.says

    def test_its_options_open_the_source(self, tmp_path):
        self.devices(tmp_path, 1)
        finding = look(self.machine(tmp_path))
        source = open_source(WHERE, **finding.options)
        at(source, 0)
        source.close()

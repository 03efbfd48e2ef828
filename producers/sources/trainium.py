"""AWS Trainium and Inferentia2, through their driver and neuron-monitor: power by the minute, utilization, memory.

One sample per device and minute, because the driver publishes power once a minute. It publishes percent of a range that
AWS has not published. Watts are computed with --base-w and --max-w, whose defaults are guesses, and have power_method
percent. Utilization is the mean over the device's NeuronCores of the share of the minute in which each ran. If the
driver reports no power, samples have no watts.

neuron-monitor is started with Gigawatt's configuration, one report a second. To start it yourself, as root or in a
container, pipe its output: neuron-monitor -c FILE | gigawatt produce trainium --neuron-monitor - . It then needs the
groups neuroncore_counters and memory_used of all runtimes, because a core that is in no report counts as idle. Pods
become jobs if the reports have neuron_k8s_info.
"""

import os
import shlex
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from producers.batches import build, fit_label
from producers.discovery import Finding, Machine
from producers.flags import FiniteRange
from producers.machine_name import machine_name
from producers.neuron.host import DRIVER, NeuronHost, Told
from producers.neuron.monitor import HOW_TO_GET, Command, Monitor, Pipe
from producers.neuron.power import BASE_SHARE, scale_of
from producers.neuron.sysfs import DEVICE, DIRECTORY, POWER_FILE, Sysfs, Window
from producers.readings import summary
from producers.source import Batch, SourceDoneError, SourceError, Tick, Where
from schema.chips import catalogue, chip
from schema.errors import GigawattError
from schema.limits import MAX_POWER_W

PLATFORM: Final = "trainium"
PREFERENCE: Final = 0

_COMMAND: Final = "neuron-monitor"
_TOOLS: Final = Path("/opt/aws/neuron/bin")  # not on the path of a systemd unit or of sudo
_STANDARD_INPUT: Final = "-"
_UNKNOWN: Final = "unknown"
_WATTS: Final = FiniteRange(min=0, max=MAX_POWER_W)

OPTIONS: Final = (
    click.Option(
        ["--neuron-monitor"],
        default=_COMMAND,
        show_default=True,
        metavar="COMMAND",
        help="Command that starts neuron-monitor; - reads its reports from standard input, '' omits utilization. Also"
        f" searched in {_TOOLS}.",
    ),
    click.Option(
        ["--sysfs"],
        type=click.Path(path_type=Path),
        metavar="DIR",
        default=DIRECTORY,
        show_default=True,
        help="Directory of the driver.",
    ),
    click.Option(
        ["--power-file"],
        default=POWER_FILE,
        show_default=True,
        metavar="PATTERN",
        help=f"Power file of a device, relative to --sysfs; {DEVICE} is the device's number. If it is missing, a file"
        " of the same format is searched below the device.",
    ),
    click.Option(
        ["--model"],
        help="Chip model, as in the chip catalogue: inf2, trn1, trn2, trn3; any other also needs --max-w."
        "  [default: from the driver or the reports]",
    ),
    click.Option(
        ["--base-w"],
        type=_WATTS,
        metavar="WATTS",
        help=f"Power of a device at 0 percent.  [default: {BASE_SHARE:.0%} of the maximum, a guess]",
    ),
    click.Option(
        ["--max-w"],
        type=_WATTS,
        metavar="WATTS",
        help="Power of a device at 100 percent.  [default: the peak in the chip catalogue, a guess for all models]",
    ),
    click.Option(
        ["--peak-tflops"],
        type=FiniteRange(min=0, min_open=True),
        metavar="TFLOPS",
        help="Peak of one device in 10^12 operations a second, for tensor utilization.  [default: tensor utilization"
        " is unknown]",
    ),
)


@dataclass(frozen=True)
class Assumed:
    """What the operator says that nothing can be asked for; None for the catalogue's word, or none."""

    model: str | None = None
    base_w: float | None = None
    max_w: float | None = None
    peak_tflops: float | None = None


class TrainiumSource:
    """The devices of one machine, and what the operator says of their power."""

    default_period_s = 1.0
    """The driver publishes once a minute; looking each second reports it soon, and costs little."""

    def __init__(self, where: Where, sysfs: Sysfs, monitor: Monitor | None, assumed: Assumed = Assumed()) -> None:
        self._where = where
        self._name = where.host or machine_name()
        self._host = NeuronHost(self._name, sysfs, monitor, once=where.once)
        self._assumed = assumed
        self._over = False

    def read(self, tick: Tick) -> list[Batch]:
        """Return the minutes that have ended, in one batch; `SourceError` with it when anything is amiss."""
        if self._over:
            raise SourceDoneError
        told = self._host.look(tick)
        batches = [self._batch(told)] if told.rectangles else []
        self._over = told.over and not batches
        if told.problems:
            raise SourceError(summary([*told.problems]), batches=batches)
        return batches

    def close(self) -> None:
        """End neuron-monitor."""
        self._host.close()

    def _batch(self, told: Told) -> Batch:
        devices, rectangles = zip(*told.rectangles, strict=True)
        models = [self._assumed.model or device.model or self._host.reported_model or _UNKNOWN for device in devices]
        watts = [self._watts(model, one.window, told) for model, one in zip(models, rectangles, strict=True)]
        columns: dict[str, Any] = {
            "ts": [one.end_ms for one in rectangles],
            "interval_ms": [one.end_ms - one.start_ms for one in rectangles],
            "site": self._where.site,
            "fleet": self._where.fleet,
            "platform": PLATFORM,
            "model": [fit_label(model) for model in models],
            "host": fit_label(self._name),
            "chip": [fit_label(device.chip) for device in devices],
            "job": [one.usage.job for one in rectangles],
            "power_w": [known[0] if known else None for known in watts],
            "power_method": ["percent" if known else None for known in watts],
            "power_error_w": [known[1] if known else None for known in watts],
            "utilization": [one.usage.utilization for one in rectangles],
            "tensor_utilization": [self._tensor(one.usage.flops) for one in rectangles],
            "memory_used_bytes": [one.usage.memory_used_bytes for one in rectangles],
            "memory_total_bytes": self._host.memory_total_bytes,
        }
        return Batch(fit_label(self._name), build(len(rectangles), columns))

    def _watts(self, model: str, window: Window | None, told: Told) -> tuple[float, float] | None:
        if window is None:
            return None
        try:
            scale = scale_of(model, self._assumed.base_w, self._assumed.max_w)
        except GigawattError as error:
            told.problems[str(error)] = None
            return None
        if scale is None:
            told.problems[f"the power of {model} at 100 percent is unknown; set --max-w, or --model"] = None
        return scale.watts(window) if scale else None

    def _tensor(self, flops: float | None) -> float | None:
        """Return the share of the peak that the operator stated; None beyond it, for then it is no peak."""
        if flops is None or self._assumed.peak_tflops is None:
            return None
        share = flops / (self._assumed.peak_tflops * 1e12)
        if share > 1:
            self._host.notice("--peak-tflops is below the measured value; tensor utilization is unknown then")
        return share if share <= 1 else None


def look(machine: Machine) -> Finding:
    """Look for the driver's devices, and for neuron-monitor."""
    sysfs = Sysfs(machine.root / DIRECTORY.relative_to("/"))
    try:
        devices = sysfs.devices()
    except OSError as error:
        return Finding(f"{sysfs.directory} cannot be read: {error.strerror}")
    if not devices:
        return Finding(f"no Neuron device under {sysfs.directory}; {DRIVER}")
    command = _found(_COMMAND, machine.which, machine.root / _TOOLS.relative_to("/"))
    says = f"{len(devices)} Neuron devices ({sysfs.model(devices[0]) or 'of an unknown model'})"
    if command is None:
        says += f", power only: utilization needs {_COMMAND}, and {HOW_TO_GET}"
    return Finding(says, {"sysfs": sysfs.directory, "neuron_monitor": command or ""})


def _found(program: str, which: Callable[[str], str | None], tools: Path) -> str | None:
    """Return what to start a program by: its name, or its path among AWS' tools; None where it is not."""
    if which(program):
        return program
    return str(tools / program) if program == _COMMAND and os.access(tools / program, os.X_OK) else None


def open_source(
    where: Where,
    *,
    neuron_monitor: str = _COMMAND,
    sysfs: Path = DIRECTORY,
    power_file: str = POWER_FILE,
    model: str | None = None,
    base_w: float | None = None,
    max_w: float | None = None,
    peak_tflops: float | None = None,
    standard_input: int = 0,
    tools: Path = _TOOLS,
    now: Callable[[], float] = time.time,
) -> TrainiumSource:
    """Make the source, and start neuron-monitor; `standard_input` is a descriptor, `now` the time of day in seconds."""
    if DEVICE not in power_file:
        raise GigawattError(f"--power-file needs {DEVICE} in place of the device's number, as in {POWER_FILE}")
    if model and (max_w is None or model in catalogue()) and chip(model).platform != PLATFORM:
        raise GigawattError(
            f"{model} is not a Neuron device; set --model to the model of this machine's devices, for example trn2"
        )
    if model or (base_w is not None and max_w is not None):
        scale_of(model or _UNKNOWN, base_w, max_w)  # raises when they contradict each other
    assumed = Assumed(model, base_w, max_w, peak_tflops)
    driver = Sysfs(sysfs, power_file)
    return TrainiumSource(where, driver, _monitor(neuron_monitor, driver, standard_input, tools, now), assumed)


def _monitor(text: str, driver: Sysfs, standard_input: int, tools: Path, now: Callable[[], float]) -> Monitor | None:
    if text.strip() == _STANDARD_INPUT:
        if os.isatty(standard_input):
            raise GigawattError(f"standard input is a terminal; pipe {_COMMAND} into it, or remove --neuron-monitor")
        return Pipe(standard_input, now=now)
    try:
        command = shlex.split(text)
    except ValueError as error:
        raise GigawattError(f"--neuron-monitor {text!r} cannot be split into words: {error}") from error
    if not command:
        return None
    program = _found(command[0], shutil.which, tools)
    if program is None:
        raise GigawattError(
            f"{_unfound(command[0], driver, tools)}; set another command with --neuron-monitor, or '' for power only"
        )
    return Command([program, *command[1:]], now=now)


def _unfound(program: str, driver: Sysfs, tools: Path) -> str:
    """Say why a program cannot be started; where there is no driver, that is what to begin with."""
    there = shutil.which(program, mode=os.F_OK) or shutil.which(program, mode=os.F_OK, path=str(tools))
    if there:
        return f"{there} is not executable; run: chmod +x {there}"
    lacking = f"{program} is not installed: {HOW_TO_GET}"
    if not driver.directory.is_dir():
        return f"no Neuron device under {driver.directory} ({DRIVER}), and {lacking}"
    return lacking

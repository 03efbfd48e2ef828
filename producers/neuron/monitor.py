"""neuron-monitor as a child of ours, or what it prints from a pipe: reports, as they come.

A thread reads, so that a monitor that hangs stalls nobody. It prints a line of JSON per report, and dates none: a
report ends when it arrives. What it says of other things than reports is one line for the operator.
"""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from producers.child import dying_with_us, signal_group
from producers.neuron.report import NeuronReportError, Report, parse
from producers.pace import Pace

HOW_TO_GET: Final = "it comes with the package aws-neuronx-tools, in /opt/aws/neuron/bin"
_PERIOD_S: Final = 1
CONFIG: Final = {
    # Whole seconds: "1.0s" is ignored, and the period is then 5 s.
    "period": f"{_PERIOD_S}s",
    "neuron_runtimes": [{"tag_filter": ".*", "metrics": [{"type": "neuroncore_counters"}, {"type": "memory_used"}]}],
    # Something to report where no runtime is: that all cores are idle is to be heard, too.
    "system_metrics": [{"type": "memory_info"}],
}
"""What we ask for: a report a second, of all runtimes, with only what samples are made of."""

_CHUNK_BYTES: Final = 1 << 16
_MAX_LINE_BYTES: Final = 2 << 20
"""A report of sixteen devices with a runtime for each core has less than a tenth of that."""
_BYTES_PER_S: Final = 2 << 20
_LINES_PER_S: Final = 500
"""Far more than we ask for, so that a file of reports is read in a while; what prints faster waits in its pipe."""
_ERRORS_PER_S: Final = 1 << 18
_LONGEST_REST_S: Final = 2.0
_FLOOD_S: Final = 3.0
"""So long after a rest it counts as printing without end: the next one would have come."""
_MAX_WAITING: Final = 3600
_MAX_SHOWN: Final = 200
_PERIODS_OF_SILENCE: Final = 3


@dataclass(frozen=True)
class Patience:
    """How long a monitor may be silent before that is said, and before it is killed; and waits around its end.

    After the first end it is started again in `again_s`, then in twice that, up to `at_most_s`.
    """

    silent_s: float = 15.0
    hopeless_s: float = 60.0
    again_s: float = 1.0
    at_most_s: float = 60.0
    end_s: float = 2.0


@dataclass(frozen=True)
class Arrived:
    """A report and when it was complete, in epoch milliseconds."""

    ts_ms: int
    report: Report


class Monitor(ABC):
    """Where reports come from. `now` is the time of day in seconds."""

    def __init__(
        self,
        name: str,
        *,
        patience: Patience = Patience(),
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.ended = False
        """Whether there will never be another report."""
        self.news = threading.Event()
        """Set from the first report, or the first trouble, on."""
        self._patience = patience
        self._now = now
        self._arrived: deque[Arrived] = deque(maxlen=_MAX_WAITING)
        self._malformed: deque[str] = deque(maxlen=1)
        self._down: str | None = None
        self._heard_s = time.monotonic()
        self._period_s = 0.0
        self._stop = threading.Event()
        self._rested_s = float("-inf")

    def take(self) -> list[Arrived]:
        """Return the reports that came since this was asked last."""
        return [self._arrived.popleft() for _ in range(len(self._arrived))]

    def trouble(self) -> str | None:
        """Return what the operator should know, in one line that stays the same while the trouble does."""
        if time.monotonic() - self._rested_s < _FLOOD_S:
            return f"{self.name} prints too much; at most {_LINES_PER_S} lines a second are read"
        if self._malformed:
            return f"{self.name} printed a line that is not a report: {self._malformed.popleft()}"
        if self._down is not None:
            return self._down
        if self._silence_s() > max(self._patience.silent_s, _PERIODS_OF_SILENCE * self._period_s):
            return f"{self.name} runs but prints no reports; utilization is unknown until it does"
        return None

    @abstractmethod
    def close(self) -> None:
        """Let go of it."""

    def _silence_s(self) -> float:
        return time.monotonic() - self._heard_s

    def _say(self, trouble: str) -> None:
        self._down = trouble
        self.news.set()

    def _pour(self, descriptor: int) -> None:
        """Read reports until the other end is closed. A last line without an end counts if it is whole."""
        rest, too_long = bytearray(), False
        pace = Pace(_BYTES_PER_S, _LINES_PER_S)
        while chunk := os.read(descriptor, _CHUNK_BYTES):
            self._rest(pace.rest_s(len(chunk), chunk.count(b"\n")))
            start, found, others = chunk.partition(b"\n")
            rest += start
            if len(rest) > _MAX_LINE_BYTES:
                rest.clear()
                too_long = True
            if not found:
                continue
            *lines, last = others.split(b"\n")
            if too_long:
                self._refuse("it is too long")
            else:
                self._hear(bytes(rest))
            for line in lines:
                self._hear(line)
            rest, too_long = bytearray(last), False
        with contextlib.suppress(NeuronReportError):
            self._accept(parse(bytes(rest)))

    def _rest(self, rest_s: float) -> None:
        if rest_s > 0:
            self._rested_s = time.monotonic()
            self.news.set()
            self._stop.wait(min(rest_s, _LONGEST_REST_S))

    def _hear(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            self._accept(parse(line))
        except NeuronReportError as error:
            self._refuse(str(error))

    def _refuse(self, why: str) -> None:
        self._malformed.append(why)
        self.news.set()

    def _accept(self, report: Report) -> None:
        self._heard_s, self._down = time.monotonic(), None
        self._period_s = report.period_s or self._period_s
        self._arrived.append(Arrived(round(self._now() * 1000), report))
        self.news.set()


class Pipe(Monitor):
    """Reports that somebody else's monitor prints into a pipe of ours, or a file of them."""

    def __init__(
        self, descriptor: int, *, now: Callable[[], float] = time.time, patience: Patience = Patience()
    ) -> None:
        super().__init__("standard input", now=now, patience=patience)
        threading.Thread(target=self._run, args=(descriptor,), name="neuron-monitor", daemon=True).start()

    def close(self) -> None:
        """Nothing: a thread that waits for a pipe ends with the pipe, or with us."""

    def _run(self, descriptor: int) -> None:
        try:
            self._pour(descriptor)
            why = "has ended"
        except OSError as error:
            why = f"cannot be read: {error.strerror}"
        self.ended = True
        self._say(f"{self.name} {why}; utilization is unknown from now on")


class Command(Monitor):
    """A neuron-monitor that we start, and start again whenever it ends.

    With a configuration of ours unless the command names one. It runs in a session of its own, so that a Ctrl-C is
    for us alone; the thread that starts it is the one whose end the kernel would kill it at.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        now: Callable[[], float] = time.time,
        patience: Patience = Patience(),
        which: Callable[[str], str | None] = shutil.which,
    ) -> None:
        super().__init__(shlex.join(command), now=now, patience=patience)
        self._which = which
        self._directory = Path(tempfile.mkdtemp(prefix="gigawatt-neuron-monitor-"))
        self._configured = bool({"-c", "--config-file"} & {part.partition("=")[0] for part in command})
        config = self._directory / "config.json"
        config.write_text(json.dumps(CONFIG), "utf-8")
        self._argv = [*command] if self._configured else [*command, "-c", str(config)]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._said = b""
        self._thread = threading.Thread(target=self._run, name="neuron-monitor", daemon=True)
        self._thread.start()

    def trouble(self) -> str | None:
        """Say what is wrong, and kill a monitor of our own making that has hung for too long: it is started again."""
        if not self._configured and self._silence_s() > self._patience.hopeless_s:
            self._signal(signal.SIGKILL)
        return super().trouble()

    def close(self) -> None:
        """End the monitor: SIGTERM, and SIGKILL if that does not."""
        with self._lock:
            self._stop.set()
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._signal(number)
            self._thread.join(self._patience.end_s)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _run(self) -> None:
        wait_s = self._patience.again_s
        while not self._stop.is_set():
            down = self._live()
            if self._stop.is_set():
                return
            if self._down is None:  # it had printed a report
                wait_s = self._patience.again_s
            self._say(down)
            self._stop.wait(wait_s)
            wait_s = min(2 * wait_s, self._patience.at_most_s)

    def _live(self) -> str:
        """Run it until it ends; say how that was."""
        if self._which(self._argv[0]) is None:
            return f"{self._argv[0]} is missing now; {HOW_TO_GET}"
        try:
            with self._lock:
                if self._stop.is_set():
                    return ""
                process = self._process = subprocess.Popen(  # noqa: S603  what the operator named
                    dying_with_us(self._argv), start_new_session=True,
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                )  # fmt: skip
        except OSError as error:
            return f"{self.name} cannot be started; retrying: {error.strerror}"
        self._heard_s, self._said = time.monotonic(), b""
        drain = threading.Thread(target=self._drain, args=(process.stderr,), name="neuron-monitor-errors", daemon=True)
        drain.start()
        with _opened(process.stdout) as output:
            self._pour(output.fileno())
        status = self._end(process)
        drain.join(self._patience.end_s)
        how = f"was ended by signal {-status}" if status < 0 else f"exited with status {status}"
        said = [line.strip() for line in self._said.decode("utf-8", "replace").splitlines() if line.strip()]
        last = f" ({said[-1][:_MAX_SHOWN]})" if said else ""
        return f"{self.name} {how}{last}; utilization is unknown until it is restarted"

    def _drain(self, errors: IO[bytes] | None) -> None:
        """Keep the end of what it prints as errors, so that its last words can be reported."""
        pace = Pace(_ERRORS_PER_S, float("inf"))
        with _opened(errors) as opened:
            while chunk := os.read(opened.fileno(), _CHUNK_BYTES):
                self._said = (self._said + chunk)[-2 * _MAX_SHOWN :]
                self._stop.wait(min(pace.rest_s(len(chunk), 0), _LONGEST_REST_S))

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for it to end, which it should after it closed its output; take what it started along."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                process.wait(self._patience.end_s)
            except subprocess.TimeoutExpired:
                self._signal(number)
        status = process.wait()
        signal_group(process.pid, signal.SIGKILL)
        return status

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            signal_group(process.pid, number)


def _opened(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("the child was started without pipes")
    return stream

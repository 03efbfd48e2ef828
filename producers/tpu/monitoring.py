"""libtpu's monitoring library, asked through a process of its own.

It is the only one to tell TensorCore utilization. But it takes 120 MB, hangs for minutes where it looks for Google's
metadata server in vain, and tpu-info takes care that it may end the process that imports it: so a helper process, run
by whichever Python has it, imports it and answers. This file is that helper's program, too, and needs the standard
library alone.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TextIO

METRICS: Final = (
    *("tensorcore_util", "hbm_util", "duty_cycle_pct"),
    *("hbm_capacity_total", "hbm_capacity_usage", "tpu_throttle_score"),
)
_FAILURE: Final = "failure"
_RESTART_AFTER_S: Final = 60.0
_PATIENCE_S: Final = 300.0
_ENDS_WITHIN_S: Final = 1.0
_QUESTION: Final = "\n"
_NO_MORE: Final = ""
_MAX_LINE: Final = 1 << 20
"""Characters of an answer; that of a whole machine has a few hundred."""
_RUN: Final = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"
"""Not run as a script: that would put this folder before the library's own imports."""

Told = Mapping[str, Sequence[str]]
"""What `data()` of each metric gave."""


def command(python: str) -> list[str]:
    """Return the command that answers for the libtpu of that Python."""
    return [python, "-c", _RUN, __file__]


def told_by(monitoring: Any) -> dict[str, list[str]]:
    """Ask `libtpu.sdk.tpumonitoring` for every metric; one that it does not know or cannot tell is empty."""
    told = {}
    for name in METRICS:
        try:
            told[name] = [str(text) for text in monitoring.get_metric(name).data()]
        except Exception:  # noqa: BLE001  versions differ in metrics and in what they raise for one that they lack
            told[name] = []
    return told


def serve(monitoring: Any, questions: Iterable[str], answers: TextIO) -> None:
    """Answer each line of the questions with one line of JSON."""
    for _ in questions:
        answers.write(json.dumps(told_by(monitoring)) + "\n")
        answers.flush()


class MonitoringProcess:
    """The helper process, started at the first read and again when it ended.

    `failure` says in one line why nothing is told, None while all is well; a helper that has been loading or thinking
    for less than five minutes is well.
    """

    def __init__(self, command: Sequence[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self.failure: str | None = None
        self._command = command
        self._clock = clock
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._questions: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._started_s = -_RESTART_AFTER_S
        self._asked_s: float | None = None

    def read(self, within_s: float) -> Told:
        """Return what the library tells now, nothing when it does not within that time. Never raises."""
        if self._process is None and not self._start():
            return {}
        if self._asked_s is not None and not self._take(0.0):
            return {}  # what was asked at an earlier read is still awaited; its answer will be of no use
        self._ask()
        return self._take(within_s) or {}

    def close(self) -> None:
        """End the helper."""
        process, self._process = self._process, None
        if process is None:
            return
        self._questions.put(_NO_MORE)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ENDS_WITHIN_S)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # with whatever it started, which may hold its pipes
        process.wait()
        for pipe in (process.stdin, process.stdout):
            # A question that the helper did not take is in the pipe's buffer still, and closing tries it again.
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]  # both were asked for

    def _start(self) -> bool:
        if self._clock() - self._started_s < _RESTART_AFTER_S:
            return False
        self._started_s, self._asked_s = self._clock(), None
        self._answers, self._questions = queue.SimpleQueue(), queue.SimpleQueue()
        try:
            self._process = subprocess.Popen(  # noqa: S603  the operator's own interpreter
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            self.failure = f"{self._command[0]} cannot be started: {error.strerror}"
            return False
        passing = (self._process.stdout, self._questions, self._answers)
        threading.Thread(target=_pass_on, args=passing, daemon=True).start()
        return True

    def _ask(self) -> None:
        self._asked_s = self._clock()
        self._questions.put(_QUESTION)
        try:
            self._process.stdin.write(_QUESTION)  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
        except (OSError, ValueError):
            """It has ended: the thread that reads its answers says so."""

    def _take(self, within_s: float) -> dict[str, list[str]] | None:
        """Return the answer to what was asked last; None when there is none yet, or will be none."""
        try:
            line = self._answers.get(timeout=within_s) if within_s > 0 else self._answers.get_nowait()
        except queue.Empty:
            waited_s = self._clock() - (self._asked_s or 0.0)
            if waited_s > _PATIENCE_S:
                self._end(f"libtpu of {self._command[0]} has not answered for {waited_s:.0f} s")
            return None
        self._asked_s = None
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or _FAILURE in answer:
            reason = answer[_FAILURE] if isinstance(answer, dict) else "it ended"
            self._end(f"cannot query libtpu's monitoring library with {self._command[0]}: {reason}")
            return None
        self.failure = None
        return {name: [str(text) for text in texts] for name, texts in answer.items() if isinstance(texts, list)}

    def _end(self, failure: str) -> None:
        self.failure = failure
        self.close()


def _pass_on(lines: TextIO, questions: "queue.SimpleQueue[str]", answers: "queue.SimpleQueue[str]") -> None:
    """Pass on one line for each question, and an empty one at their end, or for one that has none.

    What nobody asked for stays in the pipe: a library that prints without end waits for us there.
    """
    try:
        while questions.get() != _NO_MORE:
            line = lines.readline(_MAX_LINE)
            answers.put(line if line.endswith("\n") else "")
            if not line.endswith("\n"):
                return
    except ValueError:
        """Closed under way."""
        answers.put("")


def main() -> None:
    """Answer the questions on standard input. What libtpu prints must not stand between the answers."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        from libtpu import sdk  # noqa: PLC0415  of the Python that runs this, which is often not ours

        monitoring = sdk.tpumonitoring if hasattr(sdk, "tpumonitoring") else sdk.monitoring
    except (ImportError, AttributeError) as error:
        answers.write(json.dumps({_FAILURE: str(error).splitlines()[0]}) + "\n")
        answers.flush()
        return
    serve(monitoring, sys.stdin, answers)


if __name__ == "__main__":
    main()

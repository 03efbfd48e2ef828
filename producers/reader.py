"""Reads a source in a thread of its own, so that a read that hangs blocks nobody else."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from producers.source import Batch, Source, Tick


@dataclass(frozen=True)
class Answer:
    """How one read ended: with batches, or with what the source raised; `read_s` is how long it took."""

    batches: Sequence[Batch] = ()
    error: Exception | None = None
    read_s: float = 0.0


class Reader:
    """Reads `source` in a daemon thread, one read after the other, and hands each answer to `deliver` there."""

    def __init__(
        self, source: Source, deliver: Callable[[Answer], None], *, elapsed: Callable[[], float] = time.perf_counter
    ) -> None:
        self._source = source
        self._deliver = deliver
        self._elapsed = elapsed
        self._asked: queue.SimpleQueue[Tick | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="reader", daemon=True).start()

    def ask(self, tick: Tick) -> None:
        """Have the source read once those reads have ended that were asked for before."""
        self._asked.put(tick)

    def end(self) -> None:
        """Let the thread end once the read under way, if any, has."""
        self._asked.put(None)

    def _run(self) -> None:
        while tick := self._asked.get():
            began_s = self._elapsed()
            try:
                batches = self._source.read(tick)
            except Exception as error:  # noqa: BLE001  what it means is for whoever asked to say
                self._deliver(Answer((), error, self._elapsed() - began_s))
            else:
                self._deliver(Answer(batches, None, self._elapsed() - began_s))

"""Which rules would fire now, read from ClickHouse: the preview with a client and a clock."""

import json
import math
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from clickhouse_connect.driver.client import Client

from dashboards.evaluate import Frame
from dashboards.preview import Alert, Measured, Preview

MEASURED_FOR_S: Final = 60.0
"""A value is known for so long after its evaluation: while the store hangs, no new ones come."""
WATCHED_FOR_S: Final = 60.0
"""Who has looked so lately is expected to look again."""
_DENORMALS: Final = {"output_format_json_quote_denormals": 1}  # "nan" and "inf", which are else null
_FLOATS: Final = frozenset({"Float64", "Nullable(Float64)", "Float32", "Nullable(Float32)"})


def frame(answer: bytes) -> Frame:
    """Read an answer in JSONCompact.

    A rule mostly finds nothing, and in JSON an answer without rows names its columns. For the columns of such an answer
    in Native, the embedded engine has to analyse the query again, which takes as long as the query.
    """
    said = json.loads(answer)
    is_float = [column["type"] in _FLOATS for column in said["meta"]]
    rows = [[_cell(cell, a_float) for cell, a_float in zip(row, is_float, strict=True)] for row in said["data"]]
    return Frame([column["name"] for column in said["meta"]], rows)


def _cell(cell: Any, is_float: bool) -> Any:  # noqa: FBT001  a private call
    return float(cell) if is_float and cell is not None else cell


class AlertReader:
    """Evaluates the rules whenever it is read, no more often than each is due; may be shared by threads.

    Rules that must hold for minutes are known only by who has looked for so long: read it every ten seconds, and
    `seldom` while nobody sees what is found, which evaluates them less often. `connect` is called again after a
    failure.
    """

    def __init__(self, connect: Callable[[], Client], *, clock: Callable[[], float] = time.time) -> None:
        self._connect = connect
        self._clock = clock
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._preview = Preview(self._query)
        self._measured: tuple[list[Measured], float] = ([], -math.inf)

    def read(self) -> list[Alert]:
        """Return what is not normal, the worst first. What ClickHouse does not answer is an error of the rules."""
        with self._lock:
            alerts = self._preview.evaluate(int(self._clock() * 1000))
            self._measured = (self._preview.measured(), self._clock())
            return alerts

    def seldom(self) -> list[Alert]:
        """Return the same, evaluated as seldom as will do while nobody watches; it is `measured` by nobody."""
        with self._lock:
            return self._preview.evaluate(int(self._clock() * 1000), watched=False)

    def measured(self) -> list[Measured]:
        """Return all values as they were read last, without waiting; none of what is older than a minute."""
        found, at_s = self._measured
        return found if self._clock() - at_s <= MEASURED_FOR_S else []

    def _query(self, sql: str) -> Frame:
        try:
            if self._client is None:
                self._client = self._connect()
            answer = self._client.raw_query(sql, fmt="JSONCompact", settings=_DENORMALS)
        except Exception:
            self._client = None  # it may have been in the middle of an answer
            raise
        return frame(answer)


class AlertWatch:
    """Reads alerts again and again in a thread of its own: who draws them never waits for the rules' queries.

    Use as a context manager. `newest` is None until all rules were evaluated once. With `seldom`, that is how they are
    read while nobody has `looked` for a minute.
    """

    def __init__(
        self,
        read: Callable[[], list[Alert]],
        *,
        seldom: Callable[[], list[Alert]] | None = None,
        every_s: float = 10.0,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._newest: tuple[list[Alert], float] | None = None
        self._read = read
        self._seldom = seldom
        self._every_s = every_s
        self._elapsed = elapsed
        self._looked_s = -math.inf
        self._stopped = False
        self._wake = threading.Event()
        # What it waits for may take seconds, and there is nothing to lose.
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)

    @property
    def newest(self) -> list[Alert] | None:
        """The alerts as they were evaluated last."""
        return None if self._newest is None else self._newest[0]

    def told(self) -> tuple[list[Alert], float] | None:
        """Return the newest alerts and how many seconds ago they were known: while the store hangs, that grows."""
        self.looked()
        if self._newest is None:
            return None
        alerts, at_s = self._newest
        return alerts, self._elapsed() - at_s

    def looked(self) -> None:
        """Note that somebody looks; who is the first for a while has all that is due read now."""
        watched, self._looked_s = self._watched, self._elapsed()
        if self._seldom is not None and not watched:
            self._wake.set()

    @property
    def _watched(self) -> bool:
        return self._elapsed() - self._looked_s <= WATCHED_FOR_S

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.clear()
            if self._stopped:
                return
            read = self._read if self._seldom is None or self._watched else self._seldom
            self._newest = (read(), self._elapsed())
            self._wake.wait(self._every_s)

"""Which rules would fire now, read from ClickHouse: the preview with a client and a clock."""

import threading
import time
from collections.abc import Callable

from clickhouse_connect.driver.client import Client

from dashboards.evaluate import Frame
from dashboards.preview import Alert, Preview


class AlertReader:
    """Evaluates the rules whenever it is read, no more often than each is due; may be shared by threads.

    Rules that must hold for minutes are known only by who has looked for so long: read it every ten seconds. `connect`
    is called again after a failure.
    """

    def __init__(self, connect: Callable[[], Client], *, clock: Callable[[], float] = time.time) -> None:
        self._connect = connect
        self._clock = clock
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._preview = Preview(self._query)

    def read(self) -> list[Alert]:
        """Return what is not normal, the worst first. What ClickHouse does not answer is an error of the rules."""
        with self._lock:
            return self._preview.evaluate(int(self._clock() * 1000))

    def _query(self, sql: str) -> Frame:
        try:
            if self._client is None:
                self._client = self._connect()
            answer = self._client.query(sql)
        except Exception:
            self._client = None  # it may have been in the middle of an answer
            raise
        return Frame(answer.column_names, answer.result_rows)

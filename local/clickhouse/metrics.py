"""The front's own figures for Prometheus. Listed in docs/metrics.md.

The process is confined and cannot look itself up in /proc: what it takes is told by what was opened before.
"""

import resource
from collections.abc import Callable, Iterator, Sequence

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from local.clickhouse.lanes import Lane
from schema.request_metrics import request_families
from schema.tally import Requests


class FrontMetrics:
    """Shows requests, what runs and waits in each lane, and the process: `began_s` is its start in epoch seconds."""

    def __init__(
        self, requests: Requests, lanes: Callable[[], Sequence[Lane]], resident: Callable[[], int], began_s: float
    ) -> None:
        self._requests = requests
        self._lanes = lanes
        self._resident = resident
        self._began_s = began_s

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        yield from request_families("gigawatt_front", self._requests)
        running = GaugeMetricFamily("gigawatt_front_running_queries", "Running statements, by lane.", labels=["lane"])
        waiting = GaugeMetricFamily("gigawatt_front_waiting_queries", "Waiting statements, by lane.", labels=["lane"])
        for lane in self._lanes():
            runs, waits = lane.busy
            running.add_metric([lane.name], runs)
            waiting.add_metric([lane.name], waits)
        yield running
        yield waiting
        used = resource.getrusage(resource.RUSAGE_SELF)
        yield CounterMetricFamily(
            "process_cpu_seconds",
            "Total user and system CPU time spent in seconds.",
            value=used.ru_utime + used.ru_stime,
        )
        yield GaugeMetricFamily(
            "process_resident_memory_bytes", "Resident memory size in bytes.", value=self._resident()
        )
        yield GaugeMetricFamily(
            "process_start_time_seconds", "Start time of the process since unix epoch in seconds.", value=self._began_s
        )

"""The page's own figures for Prometheus."""

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from schema.request_metrics import request_families
from schema.tally import Requests


class PageMetrics:
    """Shows the requests of the page, and how many of its queries run and wait now."""

    def __init__(self, requests: Requests, queries: Callable[[], tuple[int, int]]) -> None:
        self._requests = requests
        self._queries = queries

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        yield from request_families("gigawatt_page", self._requests)
        running, waiting = self._queries()
        yield GaugeMetricFamily("gigawatt_page_running_queries", "Queries running in ClickHouse.", value=running)
        yield GaugeMetricFamily("gigawatt_page_waiting_queries", "Queries waiting to run.", value=waiting)

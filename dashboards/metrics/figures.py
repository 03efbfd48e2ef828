"""What fleets and rules show, by whoever serves it: the page of `gigawatt up`, and `gigawatt exporter`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dashboards.live.by_method import ByMethod
from dashboards.live.summary import Summary
from dashboards.metrics.alerts import AlertMetrics
from dashboards.metrics.fleets import FleetMetrics
from dashboards.preview import Measured
from schema.errors import GigawattError
from schema.served import Collects, SelfReport


def _no_methods(_: Summary) -> ByMethod:
    return ByMethod()


def _nothing_measured() -> Sequence[Measured]:
    return ()


@dataclass(frozen=True)
class Figures:
    """How they are read: `summary` and `by_method` may block and raise `GigawattError`, `measured` does neither."""

    summary: Callable[[], Summary]
    by_method: Callable[[Summary], ByMethod] = _no_methods
    measured: Callable[[], Sequence[Measured]] = _nothing_measured

    def self_report(self, *more: Collects) -> SelfReport:
        """Return what a process that shows them reports of itself; it is ready while the store answers."""
        return SelfReport(
            [FleetMetrics(self.summary, self.by_method), AlertMetrics(self.measured), *more], ready=self._unanswered
        )

    def _unanswered(self) -> str:
        try:
            self.summary()
        except GigawattError as error:
            return str(error)
        return ""

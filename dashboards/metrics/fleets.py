"""Fleet power for Prometheus, from the summary that the page and `gigawatt top` show.

Each figure is of the newest complete second of its fleet. A fleet that is not heard of any more has none: its series
end, instead of showing for ever what was known last. What is expected and budgeted stays.
"""

import time
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from dashboards.live.by_method import ByMethod
from dashboards.live.rows import Key, Second
from dashboards.live.summary import Line, Summary
from schema.errors import GigawattError

LABELS: Final = ("site", "fleet", "platform")

_SECONDS: Final[tuple[tuple[str, str, Callable[[Second], float | None]], ...]] = (
    (
        "power_estimated_watts",
        "Watts of the newest complete second, corrected for the chips that did not report.",
        lambda second: second.power_estimated_w,
    ),
    (
        "power_error_watts",
        "One standard deviation of the estimated watts.",
        lambda second: second.power_error_w,
    ),
    (
        "coverage_ratio",
        "Share of the chips expected to state power whose power is known; above 1 when chips are counted twice.",
        lambda second: second.coverage,
    ),
    (
        "utilization_ratio",
        "Share of the second in which the chips ran anything.",
        lambda second: second.utilization,
    ),
    (
        "tensor_utilization_ratio",
        "Share of the peak of the chips' matrix units.",
        lambda second: second.tensor_utilization,
    ),
    (
        "modelled_ratio",
        "Share of the energy that is known by `model` or `percent` only.",
        lambda second: second.modelled_share,
    ),
    (
        "newest_second_timestamp_seconds",
        "Start of the newest complete second, to which the other figures belong.",
        lambda second: second.time,
    ),
)


class FleetMetrics:
    """Reads the store whenever it is collected, and says whether it answered."""

    def __init__(self, summary: Callable[[], Summary], by_method: Callable[[Summary], ByMethod]) -> None:
        self._summary = summary
        self._by_method = by_method

    def collect(self) -> Iterator[Metric]:
        """Yield the families; without samples where the store does not answer."""
        began_s = time.perf_counter()
        summary, by_method = None, ByMethod()
        try:
            summary = self._summary()
            by_method = self._by_method(summary)
        except GigawattError:
            summary = None
        yield GaugeMetricFamily(
            "gigawatt_store_up", "1 when ClickHouse answered at this scrape.", value=float(summary is not None)
        )
        yield GaugeMetricFamily(
            "gigawatt_store_read_seconds", "Time to read from ClickHouse.", value=time.perf_counter() - began_s
        )
        lines = summary.lines if summary else []
        yield from _of_seconds(lines)
        yield from _of_lines(lines)
        yield from _of_methods(lines, by_method)
        yield from _of_all(summary)


def _of_seconds(lines: list[Line]) -> Iterator[Metric]:
    for name, text, figure in _SECONDS:
        family = _gauge(f"gigawatt_fleet_{name}", text)
        for line in lines:
            value = figure(line.second) if line.second and not line.old else None
            if value is not None:
                family.add_metric(_key(line), value)
        yield family


def _of_lines(lines: list[Line]) -> Iterator[Metric]:
    budget = _gauge("gigawatt_fleet_budget_watts", "The fleet's current budget.")
    expected = _gauge("gigawatt_fleet_chips_expected", "Chips that are expected to report.")
    reporting = _gauge("gigawatt_fleet_chips_reporting", "Chips that report; 0 for a fleet that does not report.")
    heard = _gauge("gigawatt_fleet_heard", "1 while the fleet reports.")
    doubtful = _gauge("gigawatt_fleet_doubtful_chips", "Chips that are counted twice, by the last 90 seconds.")
    for line in lines:
        heard_of = line.second is not None and not line.old
        if line.budget_w is not None:
            budget.add_metric(_key(line), line.budget_w)
        expected.add_metric(_key(line), line.chips_expected)
        reporting.add_metric(_key(line), line.second.chips_reporting if line.second and heard_of else 0)
        heard.add_metric(_key(line), float(heard_of))
        doubtful.add_metric(_key(line), line.doubtful.chips if line.doubtful else 0)
    yield from (budget, expected, reporting, heard, doubtful)


def _of_methods(lines: list[Line], by_method: ByMethod) -> Iterator[Metric]:
    shown = {Key(*_key(line)) for line in lines}
    power = GaugeMetricFamily(
        "gigawatt_fleet_power_watts",
        "Watts of the newest complete second, of the chips that report, by power source.",
        labels=[*LABELS, "method"],
    )
    for (key, method), watts in sorted(by_method.power_w.items()):
        power.add_metric([*key, method], watts)
    yield power
    energy = CounterMetricFamily(
        "gigawatt_fleet_energy_joules",
        "Whole joules of all samples ever stored, by power source; a late sample adds when it is stored.",
        labels=[*LABELS, "method"],
    )
    for (key, method), joules in sorted(by_method.energy_j.items()):
        if key in shown:
            energy.add_metric([*key, method], joules)
    yield energy


def _of_all(summary: Summary | None) -> Iterator[Metric]:
    total, rest, flow = (summary.total, summary.rest, summary.flow) if summary else (None, None, None)
    yield _single(
        "gigawatt_power_estimated_watts",
        "Watts of all fleets, including those without their own series; a silent fleet counts as last known.",
        total.power_w if total else None,
    )
    yield _single(
        "gigawatt_power_error_watts",
        "One standard deviation of that sum: errors add up within a platform, and are independent between platforms.",
        total.power_error_w if total else None,
    )
    yield _single(
        "gigawatt_fleets_left_out",
        "Fleets beyond the 200 that have series; declared fleets and those with the highest energy come first.",
        rest.fleets if rest else None,
    )
    yield _single(
        "gigawatt_fleets_left_out_power_watts",
        "Corrected power of these fleets together.",
        rest.power_w if rest else None,
    )
    yield _single(
        "gigawatt_newest_sample_timestamp_seconds",
        "End of the newest stored sample.",
        flow.newest_ts if flow else None,
    )
    for share, value in (("median", flow.delay_p50_s if flow else None), ("p99", flow.delay_p99_s if flow else None)):
        yield _single(
            f"gigawatt_stored_delay_{share}_seconds",
            f"From a sample's end until it is stored, {share} of the last minute's blocks.",
            value,
        )


def _key(line: Line) -> list[str]:
    return [line.site, line.fleet, line.platform]


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=LABELS)


def _single(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family

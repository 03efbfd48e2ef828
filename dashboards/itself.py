"""The board *Gigawatt itself*, for a Prometheus that scrapes what our processes tell (docs/metrics.md).

It stands apart from the boards on ClickHouse: whoever has no Prometheus has no use for it, and `push` leaves it alone.
"""

from typing import Any, Final

from dashboards import sdk
from dashboards.board import Row, placed
from dashboards.fields import NEUTRAL, UNITS, thresholds
from dashboards.names import TAG
from dashboards.sdk import Board, Dataquery, Panel

PATH: Final = "prometheus/gigawatt_itself.json"
_UID: Final = "gigawatt-itself"
_PROMETHEUS: Final = "prometheus"
_RANGE: Final = "$__rate_interval"
_WIDTH, _HEIGHT = 8, 8
_SOURCE: Final = sdk.common.DataSourceRef(type_val=_PROMETHEUS, uid="${datasource}")


class Asked(Dataquery):  # type: ignore[misc]  # the SDK's types are not followed
    """A query of a Prometheus, and how its lines are called."""

    def __init__(self, expr: str, legend: str) -> None:
        self.expr, self.legend = expr, legend

    def to_json(self) -> dict[str, object]:
        """Return the target as the data source reads it."""
        return {
            "refId": self.legend,
            "datasource": _SOURCE,
            "editorMode": "code",
            "range": True,
            "expr": self.expr,
            "legendFormat": self.legend,
        }


def itself() -> Board:
    """Return the board."""
    rows = (
        Row(100, "Producers", _producers()),
        Row(200, "Workers", _workers()),
        Row(300, "Page, ClickHouse front and exporter", _servers()),
        Row(400, "Processes", _processes()),
    )
    return Board(
        uid=_UID,
        title="Gigawatt itself",
        description="Whether producers, workers, page and exporter do their work, by what they tell a Prometheus.",
        tags=[TAG],
        timezone="utc",
        editable=False,
        graph_tooltip=1,
        refresh="30s",
        time=sdk.dashboard.DashboardDashboardTime(from_val="now-1h", to="now"),
        panels=list(placed(rows)),
        templating=sdk.dashboard.DashboardDashboardTemplating(list_val=[_source()]),
    )


def _source() -> sdk.Variable:
    return sdk.Variable(
        type_val="datasource",
        name="datasource",
        label="Data source",
        description="Prometheus that scrapes Gigawatt's processes",
        query=_PROMETHEUS,
        refresh=1,
    )


def _rate(metric: str, by: str = "") -> str:
    return f"sum{f' by ({by})' if by else ''} (rate({metric}[{_RANGE}]))"


def _quantile(share: float, metric: str) -> Asked:
    expr = f"histogram_quantile({share}, sum by (le) (rate({metric}_bucket[{_RANGE}])))"
    return Asked(expr, f"p{round(share * 100)}")


def _producers() -> list[Panel]:
    return [
        _lines(
            1, "Producers whose broker is away", "Samples wait, and none was acknowledged for 30 s.", "locale",
            Asked("count(gigawatt_producer_broker_up == 0) or vector(0)", "producers"),
        ),
        _lines(
            2, "Samples that the broker acknowledged", "Per second, of all producers.", "short",
            Asked(_rate("gigawatt_producer_sent_samples_total"), "samples"),
        ),
        _lines(
            3, "Reads", "Per second, by outcome.", "short",
            Asked(_rate("gigawatt_producer_reads_total", "outcome"), "{{outcome}}"),
        ),
        _lines(
            4, "Samples that will not arrive", "Per second; of a spool, by reason.",
            "short", Asked(_rate("gigawatt_producer_lost_samples_total"), "all"),
            Asked(_rate("gigawatt_producer_dropped_samples_total", "reason"), "spool: {{reason}}"),
        ),
        _lines(
            5, "What waits for the broker", "Samples in spools, of the ten with most; those gathered for a message.",
            "locale", Asked("topk(10, gigawatt_producer_spooled_samples)", "{{instance}}"),
            Asked("sum(gigawatt_producer_gathered_samples)", "gathered"),
        ),
        _lines(
            6, "Missed ticks and what is odd", "Per second: late reads, rejected samples, values left out.",
            "short", Asked(_rate("gigawatt_producer_missed_ticks_total"), "missed ticks"),
            Asked(_rate("gigawatt_producer_rejected_samples_total"), "rejected samples"),
            Asked(_rate("gigawatt_producer_left_out_values_total", "field"), "{{field}} left out"),
        ),
    ]  # fmt: skip


def _workers() -> list[Panel]:
    return [
        _lines(
            11, "Samples stored", "Per second, by worker.", "short",
            Asked(_rate("gigawatt_worker_samples_total", "instance"), "{{instance}}"),
        ),
        _lines(
            12, "Lag", "Offsets that are not stored yet, of the partition with most at each worker.", "locale",
            Asked("max by (instance) (gigawatt_worker_lag_messages)", "{{instance}}"),
        ),
        _lines(
            13, "Commits", "From when a commit's blocks are agreed on until it is stored.", "s",
            _quantile(0.5, "gigawatt_worker_commit_seconds"), _quantile(0.99, "gigawatt_worker_commit_seconds"),
        ),
        _lines(
            14, "Rejected rows", "Per second, by reason.", "short",
            Asked(_rate("gigawatt_worker_rejected_rows_total", "reason"), "{{reason}}"),
        ),
        _lines(
            15, "Failed attempts and losses", "Per second: what is tried again, and what is gone.", "short",
            Asked(_rate("gigawatt_worker_failed_attempts_total"), "failed attempts"),
            Asked(_rate("gigawatt_worker_lost_messages_total"), "lost messages"),
            Asked(_rate("gigawatt_worker_dead_letters_unwritten_total"), "dead letters to be tried again"),
            Asked(_rate("gigawatt_worker_dead_letters_lost_total"), "lost dead letters"),
        ),
        _lines(
            16, "Held in memory", "Messages that are read and not stored, by worker.", "decbytes",
            Asked("gigawatt_worker_held_bytes", "{{instance}}"),
        ),
    ]  # fmt: skip


def _servers() -> list[Panel]:
    return [
        _lines(
            21, "Requests", "Per second, by HTTP status; 499: the client went away.", "short",
            Asked(_rate("gigawatt_page_requests_total", "status"), "page {{status}}"),
            Asked(_rate("gigawatt_front_requests_total", "status"), "front {{status}}"),
        ),
        _lines(
            22, "Queries that run, and that wait", "At this moment.", "locale",
            Asked("sum(gigawatt_page_running_queries)", "page runs"),
            Asked("sum(gigawatt_page_waiting_queries)", "page waits"),
            Asked("sum(gigawatt_front_running_queries)", "front runs"),
            Asked("sum(gigawatt_front_waiting_queries)", "front waits"),
        ),
        _lines(
            23, "ClickHouse, as it is read", "Time that a reading takes; none while it does not answer.", "s",
            Asked("max(gigawatt_store_read_seconds and gigawatt_store_up == 1)", "read"),
        ),
    ]  # fmt: skip


def _processes() -> list[Panel]:
    return [
        _lines(
            31, "CPU", "Cores, by job.", "short", Asked(_rate("process_cpu_seconds_total", "job"), "{{job}}"), width=12
        ),
        _lines(
            32, "Memory", "Of the largest process of each job.", "decbytes",
            Asked("max by (job) (process_resident_memory_bytes)", "{{job}}"), width=12,
        ),
    ]  # fmt: skip


def _lines(id_: int, title: str, description: str, unit: str, *asked: Asked, width: int = _WIDTH) -> Panel:
    """Return lines over time. Raises `ValueError` for a unit that no board has."""
    if unit not in UNITS:
        raise ValueError(f"panel {id_}, {title}: {unit!r} is not among UNITS")
    custom: dict[str, Any] = {"drawStyle": "line", "lineWidth": 1, "showPoints": "never", "spanNulls": False}
    defaults = sdk.dashboard.FieldConfig(
        unit=unit,
        min_val=0,
        no_value="no data",
        thresholds=thresholds(NEUTRAL),
        color=sdk.dashboard.FieldColor(mode="palette-classic-by-name"),
        custom=custom,
    )
    legend = sdk.common.VizLegendOptions(display_mode="list", placement="bottom", show_legend=True, calcs=[])
    return Panel(
        type_val="timeseries",
        id_val=id_,
        title=title,
        description=description,
        datasource=_SOURCE,
        targets=list(asked),
        grid_pos=sdk.dashboard.GridPos(w=width, h=_HEIGHT),
        options=sdk.timeseries.Options(legend=legend, tooltip=sdk.common.VizTooltipOptions(mode="multi", sort="desc")),
        field_config=sdk.dashboard.FieldConfigSource(defaults=defaults, overrides=[]),
    )

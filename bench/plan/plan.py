"""What a fleet needs, each number with the line that explains it. Pure arithmetic over measured costs."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from bench.plan.costs import Costs, Rates
from schema.errors import GigawattError
from schema.limits import RAW_RETENTION_MS
from schema.topics import wanted

COPIES: Final = 3
RESERVE: Final = 1 / 3
"""Of each machine and disk so much stays free: for a machine that is down, and for catching up."""
USED: Final = 1 - RESERVE
PARTITIONS_A_WORKER: Final = 2
PARTITIONS_STEP: Final = 12
"""Twelve are dealt out evenly to 1, 2, 3, 4, 6 or 12 workers."""
REQUEST_BYTES: Final = 300
"""Of a request and its answer beside the messages: headers of Kafka, TCP and IP, both ways."""
SUMS_BYTES_A_DAY: Final = 8e6
"""At most, of a fleet's seconds; minutes are a sixtieth of that and hours a sixtieth of those (docs/decisions.md)."""
SUMS_DAYS: Final = 32 + 730 / 60 + 3650 / 3600
"""Seconds for 32 days, minutes for two years, hours for ten."""

_DAY_S: Final = 86_400
_LOG_S: Final = int(wanted(1)[0].config["retention.ms"]) / 1000


@dataclass(frozen=True)
class Fleet:
    """The fleet, and the machines that there are for it; each host has a producer with a connection of its own.

    Raises `GigawattError` for what no fleet is.
    """

    chips: int
    chips_per_host: int
    period_s: float
    sites: int
    publish_every_s: float
    fleets_per_site: int = 4
    cores: int = 16

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.chips_per_host > self.chips:
            raise GigawattError(f"{self.chips:,} chips do not fill one host of {self.chips_per_host:,}")
        if self.sites > self.hosts:
            raise GigawattError(f"{self.hosts:,} hosts cannot be spread over {self.sites:,} sites")
        if self.publish_every_s < self.period_s:
            raise GigawattError(
                f"a message every {self.publish_every_s:g} s would be empty: chips are read every {self.period_s:g} s"
            )

    @property
    def hosts(self) -> int:
        """How many hosts there are."""
        return -(-self.chips // self.chips_per_host)

    @property
    def samples_per_message(self) -> float:
        """How many samples a host's message has."""
        return self.chips / self.hosts * self.publish_every_s / self.period_s

    def rates(self, workers: int) -> Rates:
        """Return what comes a second."""
        messages = self.hosts / self.publish_every_s
        return Rates(workers, messages, messages, self.chips / self.period_s)


@dataclass(frozen=True)
class Need:
    """One number: what it is of, its unit, and how it comes about."""

    what: str
    amount: float
    unit: str
    why: str


@dataclass(frozen=True)
class Plan:
    """What a fleet needs."""

    fleet: Fleet
    needs: Sequence[Need]

    def __getitem__(self, what: str) -> float:
        """Return a number by what it is of."""
        return next(need.amount for need in self.needs if need.what == what)

    def as_json(self) -> dict[str, Any]:
        """Return the fleet and what it needs by name."""
        return {"fleet": asdict(self.fleet), "needs": [asdict(need) for need in self.needs]}


def plan(fleet: Fleet, costs: Costs) -> Plan:
    """Return what a fleet needs at these costs."""
    rates = fleet.rates(workers=0)
    workers = _workers(rates, costs)
    number = int(workers.amount)
    return Plan(
        fleet,
        [
            *_load(fleet, rates),
            workers,
            _machines("worker machines", number, fleet.cores),
            _partitions(number),
            _brokers(fleet, fleet.rates(number), costs),
            *_clickhouse(fleet, fleet.rates(number), costs),
            *_disks(fleet, rates, costs),
            *_network(fleet, rates, costs),
        ],
    )


def _load(fleet: Fleet, rates: Rates) -> list[Need]:
    return [
        Need("samples", rates.samples, "a second", f"{fleet.chips:,} chips / {fleet.period_s:g} s"),
        Need(
            "messages", rates.messages, "a second",
            f"{fleet.hosts:,} hosts / {fleet.publish_every_s:g} s, {fleet.samples_per_message:,.4g} samples each",
        ),
    ]  # fmt: skip


def _workers(rates: Rates, costs: Costs) -> Need:
    terms = costs.cores["worker"]
    of_work = terms.cores(rates._replace(workers=0))
    each = USED - terms.worker
    if each <= 0:
        raise GigawattError("an idle worker would take more than its core; the measured costs are unusable")
    number = max(2, math.ceil(of_work / each))
    return Need(
        "workers", number, "processes of one core each",
        f"{of_work:.2f} cores of work / ({USED:.2f} of a core - {terms.worker:.3f} whatever comes), two at least",
    )  # fmt: skip


def _machines(what: str, processes: int, cores: int) -> Need:
    return Need(what, math.ceil(processes / cores), f"of {cores} cores", f"{processes:,} processes / {cores} cores")


def _partitions(workers: int) -> Need:
    number = math.ceil(workers * PARTITIONS_A_WORKER / PARTITIONS_STEP) * PARTITIONS_STEP
    return Need(
        "partitions", number, "of chip.samples",
        f"{PARTITIONS_A_WORKER} for each of {workers:,} workers, in twelves, which deal out evenly",
    )  # fmt: skip


def _brokers(fleet: Fleet, rates: Rates, costs: Costs) -> Need:
    terms = costs.cores["broker"]
    leading = terms.cores(rates)
    following = (COPIES - 1) * (terms.message * rates.messages + terms.sample * rates.samples)
    number = max(COPIES, math.ceil((leading + following) / (USED * fleet.cores)))
    return Need(
        "brokers", number, f"of {fleet.cores} cores",
        f"({leading:.2f} cores to lead + {following:.2f} for {COPIES - 1} copies of messages and samples)"
        f" / ({USED:.2f} x {fleet.cores}), {COPIES} at least",
    )  # fmt: skip


def _clickhouse(fleet: Fleet, rates: Rates, costs: Costs) -> list[Need]:
    terms = costs.cores["store"]
    of_work = terms.cores(rates) - terms.fixed
    each = USED * fleet.cores - terms.fixed
    if each <= 0:
        raise GigawattError(f"an idle ClickHouse takes more than {fleet.cores} cores; the measured costs are unusable")
    shards = max(1, math.ceil(of_work / each))
    return [
        Need(
            "shards", shards, "of ClickHouse",
            f"{of_work:.2f} cores of inserts and merges / ({USED:.2f} x {fleet.cores} - {terms.fixed:.3f} of its own)",
        ),
        Need(
            "clickhouse servers", shards * COPIES, f"of {fleet.cores} cores",
            f"{shards} x {COPIES} replicas, each of which merges for itself",
        ),
    ]  # fmt: skip


def _disks(fleet: Fleet, rates: Rates, costs: Costs) -> list[Need]:
    raw_s, per_message = RAW_RETENTION_MS / 1000, fleet.samples_per_message
    raw, wire = costs.disk.bytes(per_message), costs.wire.bytes(per_message)
    fleets = fleet.sites * fleet.fleets_per_site
    kept = COPIES / USED
    times = f"x {COPIES} copies / {USED:.2f}"
    return [
        Need(
            "disk of samples", rates.samples * raw * raw_s * kept / 1e12, "TB in ClickHouse",
            f"{_said(rates.samples)} samples/s x {raw:.1f} bytes x {raw_s / _DAY_S:g} days {times}",
        ),
        Need(
            "disk of sums", fleets * SUMS_BYTES_A_DAY * SUMS_DAYS * kept / 1e12, "TB in ClickHouse",
            f"{fleets:,} fleets x {SUMS_BYTES_A_DAY / 1e6:g} MB a day x {SUMS_DAYS:.1f} days {times}",
        ),
        Need(
            "disk of brokers", rates.samples * wire * _LOG_S * kept / 1e12, "TB",
            f"{_said(rates.samples)} samples/s x {wire:.1f} bytes x {_LOG_S / 3600:g} h {times}",
        ),
    ]  # fmt: skip


def _network(fleet: Fleet, rates: Rates, costs: Costs) -> list[Need]:
    wire = costs.wire.bytes(fleet.samples_per_message)
    comes = rates.samples * wire + rates.requests * REQUEST_BYTES
    return [
        Need(
            "network of a site", comes * 8 / fleet.sites / USED / 1e6, "Mbit/s to the brokers",
            f"({_said(rates.samples)} samples/s x {wire:.1f} bytes + {_said(rates.requests)} requests/s x"
            f" {REQUEST_BYTES}) / {fleet.sites:,} sites / {USED:.2f}",
        ),
        Need(
            "network of brokers", rates.samples * wire * (COPIES + 1) * 8 / USED / 1e6, "Mbit/s in all",
            f"in, to {COPIES - 1} copies, out to workers: {COPIES + 1} x {_said(rates.samples * wire / 1e6)} MB/s"
            f" / {USED:.2f}",
        ),
    ]  # fmt: skip


def plan_table(made: Plan) -> list[list[str]]:
    """Return the numbers as rows of text."""
    return [["", "", "", "because"], *([need.what, _said(need.amount), need.unit, need.why] for need in made.needs)]


def _said(amount: float) -> str:
    """Write a number with three digits, or all of a whole or large one."""
    return f"{amount:,.0f}" if amount == round(amount) or amount >= 1000 else f"{amount:,.3g}"  # noqa: PLR2004

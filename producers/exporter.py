"""Prometheus exporters of chips, scraped again and again, whichever exporter it is.

What tells one exporter from the next is a `Dialect`: a table of metrics, and small pure functions that say which chip
a row is of and what its readings mean. The scraping, the dating of what was read and the samples are here, once.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Unpack
from urllib.parse import urlsplit

import click
import xxhash

from producers.access import EXPORTER, AccessFlags, access_of, flags_of
from producers.access import options as access_options
from producers.batches import build, fit_label
from producers.discovery import Finding, Machine
from producers.estimate import Estimate
from producers.flags import SECONDS
from producers.machine_name import Naming, machine_name, place
from producers.metering import Meter, Rectangle, Watch, news
from producers.prometheus_text import WHOLE, Labels, PrometheusTextError, Reading, Rule, TextParser, readings
from producers.scrape import NotLetInError, Scraper, SlowPageError
from producers.source import Batch, Source, SourceError, Tick, Where
from producers.together import Together
from schema.errors import GigawattError

Fields = Mapping[str, float | int | None]
"""Fields of the contract, in its units, of one chip."""
Chips = dict[str, Reading]
"""What one page says of each chip, by the contract's `chip`."""

_LOOK_S: Final = 0.5
_SAYS_ITSELF_S: Final = 1.0
"""By how much an exporter's own timeout is waited beyond, once, so that the line is its own."""
_OVERSHOOT: Final = 1.01
_MAX_WHOLE: Final = 2.0**63
_MOST_METERS: Final = 4_096
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What tells one exporter from the next.

    `exporter` and `chip` are what its users call it and what it shows, `url` is its usual page, `got` says where to
    get it. `rules` gives each metric its reading; `described_by` names metrics that lend their labels only. `chip_of`
    says which chip a row is of, by what the hardware says, and `number_of` which of its machine's, where that says
    nothing; `part_of` says which part of it. `arranged` puts a page's chips right where that takes more than one row.
    `host_labels` and `job_labels` are tried in turn; a `pod` is told with its namespace.

    Watts are the sensor's reading `power_w`; the difference of the counter `energy_j` goes before it when `counter`;
    where neither is there, `estimate` may have something to say. `power_error_w` is one standard deviation of measured
    watts, None where nobody has stated one. `live` is true where a reading that stays the same is a reading all the
    same: an idle chip's page may never change, and then looks like a page that is no longer refreshed.
    """

    exporter: str
    chip: str
    platform: str
    url: str
    got: str
    rules: Mapping[str, Rule]
    chip_of: Callable[[Labels], str | None]
    model_of: Callable[[Reading], str]
    fields_of: Callable[[Reading], Fields]
    number_of: Callable[[Labels], str | None] = lambda _: None
    part_of: Callable[[Labels], str] = lambda _: WHOLE
    arranged: Callable[[Chips], Chips] = lambda chips: chips
    described_by: Sequence[str] = ()
    host_labels: Sequence[str] = ()
    job_labels: Sequence[str] = ("pod",)
    counter: bool = False
    power_error_w: float | None = None
    estimate: Callable[[Reading], Estimate | None] = lambda _: None
    live: bool = False
    default_period_s: float = 1.0

    def parser(self) -> TextParser:
        """Return a parser of the metrics that this exporter's pages are read for."""
        return TextParser((*self.rules, *self.described_by))

    def chips(self, parser: TextParser, body: bytes, naming: Naming) -> Chips:
        """Return what a page says; raises `PrometheusTextError`."""
        rows = parser.rows(body)
        naming.look({self.host_of(row.labels) for row in rows})

        def name(labels: Labels) -> str | None:
            if chip := self.chip_of(labels):
                return chip
            number = self.number_of(labels)
            return number and f"{naming.machine(self.host_of(labels))}/{number}"

        return self.arranged(readings(rows, self.rules, name, self.part_of))

    def host_of(self, labels: Labels) -> str:
        """Return what the exporter calls its machine; empty where it does not say it."""
        return next((host for name in self.host_labels if (host := labels.get(name))), "")


def options(dialect: Dialect, *, timeout_s: float = 3.0) -> tuple[click.Option, ...]:
    """Return the flags of a source that scrapes such exporters, for `open_exporters`."""
    return (
        click.Option(
            ["--url", "urls"],
            multiple=True,
            metavar="URL",
            default=(dialect.url,),
            show_default=True,
            help=f"Metrics address of {dialect.exporter}; may be given several times.",
        ),
        click.Option(
            ["--timeout", "timeout_s"],
            type=SECONDS,
            default=timeout_s,
            show_default=True,
            help="Timeout of an exporter in seconds.",
        ),
        *access_options(EXPORTER),
    )


def share(value: float | None) -> float | None:
    """Take off what a counter of activity overshoots by; what is further out is left out (`producers.odd`)."""
    return 1.0 if value is not None and 1.0 < value <= _OVERSHOOT else value


def whole(value: float | None) -> int | None:
    """Return a count as an integer; None for one that cannot be one."""
    return int(value) if value is not None and 0 <= value < _MAX_WHOLE else None


def job_of(reading: Reading, labels: Sequence[str]) -> str | None:
    """Return the workload that holds the chip, by the first of these labels that is set; a pod as `namespace/pod`.

    None where several share it: nothing says how its energy divides between them.
    """
    for name in labels:
        found = reading.labels.get(name, set())
        if len(found) == 1:
            job = next(iter(found))
            namespace = reading.label("namespace") if name == "pod" else None
            return fit_label(f"{namespace}/{job}" if namespace else job)
        if found:
            return None
    return None


class Exporter:
    """One exporter, scraped again and again; port and path tell its machine from those of others at its address."""

    def __init__(self, dialect: Dialect, scraper: Scraper, where: Where, *, beside_others: bool = False) -> None:
        self.scraper = scraper
        self._dialect = dialect
        self._where = where
        self._parser = dialect.parser()
        self._meters: dict[str, tuple[Watch, Meter]] = {}
        own = place(scraper.url) if beside_others else ""
        self._naming = Naming((where.host or self._fallback_host()) + own, scraper.url)
        self._page = b""
        self.default_period_s = dialect.default_period_s

    def read(self, tick: Tick) -> list[Batch]:
        """Return the samples of the chips that have something new, one batch per host."""
        body = self.scraper.read()
        page = xxhash.xxh3_128_digest(body)
        if page == self._page and not self._dialect.live:
            for watch, _ in self._meters.values():
                watch.see_again(tick)
            return []
        try:
            chips = self._dialect.chips(self._parser, body, self._naming)
        except PrometheusTextError as error:
            raise SourceError(f"{self.scraper.url} sent an invalid page: {error}") from error
        if not chips:
            raise SourceError(
                f"{self.scraper.url} has no {self._dialect.chip}; check whether it is {self._dialect.exporter}"
            )
        self._page = page
        return self._batches(tick, chips)

    def _batches(self, tick: Tick, chips: Chips) -> list[Batch]:
        page = object()  # equal to no other
        if len(self._meters) > _MOST_METERS:  # who names chips anew at each page is not remembered for ever
            self._meters = {chip: meter for chip, meter in self._meters.items() if chip in chips}
        hosts: dict[str, list[tuple[str, Reading, Rectangle]]] = {}
        for chip, reading in chips.items():
            watch, meter = self._meters.setdefault(chip, (Watch(), Meter()))
            energy_j = reading.values.get("energy_j") if self._dialect.counter else None
            sight = watch.see(tick, news(reading.values, energy_j, page))
            rectangle = meter.step(tick, sight, energy_j, reading.values.get("power_w"))
            if rectangle is not None:
                host = self._where.host or reading.label(*self._dialect.host_labels) or self._fallback_host()
                hosts.setdefault(host, []).append((chip, reading, rectangle))
        return [self._batch(tick, host, told) for host, told in hosts.items()]

    def _batch(self, tick: Tick, host: str, told: list[tuple[str, Reading, Rectangle]]) -> Batch:
        dialect = self._dialect
        powers = [self._power(reading, rectangle) for _, reading, rectangle in told]
        columns: dict[str, Any] = {
            "ts": tick.ts_ms,
            "interval_ms": [rectangle.interval_ms for _, _, rectangle in told],
            "site": self._where.site,
            "fleet": self._where.fleet,
            "platform": dialect.platform,
            "host": fit_label(host),
            "model": [fit_label(dialect.model_of(reading)) for _, reading, _ in told],
            "chip": [fit_label(chip) for chip, _, _ in told],
            "job": [job_of(reading, dialect.job_labels) for _, reading, _ in told],
            "power_w": [watts for watts, _, _ in powers],
            "power_method": [method for _, method, _ in powers],
            "power_error_w": [error_w for _, _, error_w in powers],
        }
        fields = [dialect.fields_of(reading) for _, reading, _ in told]
        columns |= {name: [row[name] for row in fields] for name in fields[0]}
        return Batch(fit_label(host), build(len(told), columns))

    def _power(self, reading: Reading, rectangle: Rectangle) -> tuple[float | None, str | None, float | None]:
        """Return watts, how they are known, and their standard deviation."""
        if rectangle.watts is not None:
            return rectangle.watts, rectangle.method, self._dialect.power_error_w
        estimate = self._dialect.estimate(reading)
        return (None, None, None) if estimate is None else (estimate.power_w, "model", estimate.error_w)

    def close(self) -> None:
        """Close the connection."""
        self.scraper.close()

    def _fallback_host(self) -> str:
        return machine_name() if self.scraper.host in _LOOPBACK else self.scraper.host


def open_exporters(
    dialect: Dialect, where: Where, *, urls: Sequence[str], timeout_s: float, **flags: Unpack[AccessFlags]
) -> Source:
    """Make the source of these exporters, read side by side; nothing is read yet."""
    if len(urls) > 1 and where.host is not None:
        raise GigawattError("--host names one machine; remove it to use the host that each exporter reports")
    access = access_of(flags, EXPORTER)
    scrapers = [Scraper(url, access=access, timeout_s=timeout_s) for url in urls]
    hosts = Counter(scraper.host for scraper in scrapers)
    exporters = {
        scraper.url: Exporter(dialect, scraper, where, beside_others=hosts[scraper.host] > 1) for scraper in scrapers
    }
    if len(exporters) < len(scrapers):
        raise GigawattError("a --url is given twice and would be counted twice; remove one")
    if len(exporters) == 1:
        return next(iter(exporters.values()))
    return Together(
        exporters,
        period_s=dialect.default_period_s,
        once=where.once,
        wait_s=timeout_s + _SAYS_ITSELF_S if where.once else None,
        own_periods=False,
    )


def look_for(dialect: Dialect, machine: Machine, url: str | None = None, *, within_s: float = _LOOK_S) -> Finding:
    """Say whether such an exporter serves its usual page (or `url`) on this machine and answers within `within_s`."""
    page = urlsplit(url or dialect.url)
    flags = flags_of(EXPORTER, machine.environment)
    found: Mapping[str, Any] = {**({} if url is None else {"urls": (url,)}), **{k: v for k, v in flags.items() if v}}
    if not machine.listens(page.hostname or "", page.port or 0):
        return Finding(f"nothing listens on port {page.port}, the port of {dialect.exporter}; {dialect.got}")
    try:
        access = access_of(flags, EXPORTER, machine.environment)
        with contextlib.closing(Scraper(page.geturl(), access=access, timeout_s=within_s)) as scraper:
            chips = dialect.chips(dialect.parser(), scraper.read(), Naming("", scraper.url))
    except SlowPageError:  # some exporters ask their chips first, which can take seconds
        return Finding(f"port {page.port} answers slowly; assumed to be {dialect.exporter}", found)
    except NotLetInError as error:
        return Finding(f"port {page.port} may be {dialect.exporter}: {error}")
    except (GigawattError, PrometheusTextError) as error:
        return Finding(f"port {page.port} is not {dialect.exporter}: {error}")
    if not chips:
        return Finding(f"port {page.port} is not {dialect.exporter}, or has no {dialect.chip}; {dialect.got}")
    return Finding(f"{dialect.exporter} on port {page.port}: {len(chips)} {dialect.chip}{'s'[: len(chips) > 1]}", found)

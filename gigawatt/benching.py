"""The measurements of `gigawatt bench`, each with its table, its file and its exit status."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from bench.attacks.measure import AttackResult, attack_table, measure_attacks
from bench.attacks.running import ATTACKS
from bench.backlog import backlog_table, measure_backlog
from bench.host import host_table, measure_host
from bench.measure import Result, measure, table
from bench.panels import measure_panels, panel_table
from bench.peers.measure import measure_peers, peer_table
from bench.report import page
from bench.report.figures import MEASURED, read
from bench.report.measure import measure_all
from bench.seed import Day
from bench.soak import soak, soak_table
from gigawatt.bench_output import require_writable, show, tell, write
from gigawatt.bench_wanted import Wanted
from schema.errors import GigawattError
from schema.files import read_text


def loads(wanted: Wanted, _: None) -> None:
    """Measure each load on a stack of its own."""
    results: list[Result] = []
    for load in wanted.loads():
        results.append(measure(load, tell))
        write(wanted.json_path, [result.as_json() for result in results])
    show(table(results))


def host(wanted: Wanted, arguments: str) -> None:
    """Measure what sampling costs on this host."""
    result = measure_host(arguments, wanted.lasts_s(), wanted.warm_up_s, tell)
    write(wanted.json_path, result.as_json())
    show(host_table(result))


def panels(wanted: Wanted, _: object) -> None:
    """Time the queries of dashboards and rules."""
    times = measure_panels(Day(chips=wanted.largest()), tell)
    write(wanted.json_path, [one.as_json() for one in times])
    show(panel_table(times))


def attacks(wanted: Wanted, names: str) -> None:
    """Run attacks; the exit status is 1 when a bound does not hold."""
    unknown = [name for name in names.split(",") if name not in ATTACKS]
    if unknown:
        raise click.BadParameter(f"unknown attack {unknown[0]!r}", param_hint="--attacks")
    chosen = [ATTACKS[name] for name in names.split(",")]

    def so_far(done: Sequence[AttackResult]) -> None:
        write(wanted.json_path, [result.as_json() for result in done])

    results = measure_attacks(chosen, wanted.lasts_s(60.0), tell, so_far)
    show(attack_table(results))
    if any(result.broken for result in results):
        sys.exit(1)


def peers(wanted: Wanted, _: object) -> None:
    """Measure others on the same fleet."""
    ours, others = measure_peers(wanted.load("--peers"), tell)
    write(wanted.json_path, {"ours": ours.as_json(), "peers": [one.as_json() for one in others]})
    show(peer_table(ours, others), words=1)


def soaked(wanted: Wanted, minutes: int) -> None:
    """Keep a load up; the exit status is 1 when cost or memory changed, or the audit failed."""
    result = soak(wanted.load("--soak"), minutes, tell)
    write(wanted.json_path, result.as_json())
    show(soak_table(result))
    for line in (*result.audit, *(f"FAILS  {said}" for said in result.broken)):
        tell(line)
    if result.broken:
        sys.exit(1)


def backlog(wanted: Wanted, stopped_s: float) -> None:
    """Measure how quickly a backlog is stored."""
    result = measure_backlog(wanted.load("--backlog"), stopped_s, tell)
    write(wanted.json_path, result.as_json())
    show(backlog_table(result))


MEASUREMENTS: Final[Mapping[str, Callable[[Wanted, Any], None]]] = {
    "": loads,
    "produce": host,
    "panels": panels,
    "attacks": attacks,
    "peers": peers,
    "soak": soaked,
    "backlog": backlog,
}
"""Each by its flag, whose value it is called with."""


def report(wanted: Wanted, path: Path, measured: Path | None) -> None:
    """Write figures into a page, with a plot beside it: those of the file `measured`, or all measured now."""
    picture, kept = path.with_suffix(".svg"), wanted.json_path or MEASURED
    page.around(_text(path))  # now, and not when all is measured
    require_writable(path, "--report")
    if measured is None:
        require_writable(kept, "--json")
        figures = measure_all(wanted.lasts_s(), wanted.warm_up_s, tell, lambda figures: write(kept, figures.as_json()))
    else:
        figures = read(measured)
    path.write_text(page.put(_text(path), figures, picture.name), "utf-8")
    picture.write_text(page.drawn(figures), "utf-8")
    tell(f"wrote {path} and {picture} with the figures of {figures.said}")


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise GigawattError(f"cannot read {path}: {error}") from error

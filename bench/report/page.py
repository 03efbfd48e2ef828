"""The measured part of docs/performance.md: tables and a plot between two marks. All else there is written by hand."""

import textwrap
from collections.abc import Sequence
from typing import Final

from bench.load import HOST, POD
from bench.measure import Result, table
from bench.peers.measure import PeerResult, peer_table
from bench.plan.costs import ROLES, costs_of, rates_of
from bench.report.figures import Figures
from bench.report.plot import Points, plot
from schema.errors import GigawattError

BEGIN: Final = "<!-- measured: gigawatt bench --report writes what stands from here -->"
END: Final = "<!-- to here -->"
_WIDTH: Final = 120


def put(page: str, figures: Figures, picture: str) -> str:
    """Return the page with these figures between its marks. Raises `GigawattError` for a page without them."""
    before, after = around(page)
    return f"{before}{BEGIN}\n\n{measured(figures, picture)}\n{END}{after}"


def around(page: str) -> tuple[str, str]:
    """Return what stands before and after the figures. Raises `GigawattError` for a page that has no place for them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise GigawattError(f"the page lacks the lines {BEGIN!r} and {END!r}, which enclose the figures")
    return before, after


def measured(figures: Figures, picture: str) -> str:
    """Return the tables and the plot as Markdown."""
    plain = [run for run in figures.runs if _is_plain(run)]
    parts = [
        _where(figures),
        f"![CPU time a sample against fleet size]({picture})",
        *(f"### {_shape(batch)}\n\n{_markdown(table(_of(plain, batch)))}" for batch in _shapes(plain)),
    ]
    for title, name in (("A connection for each host", "producers"), ("More workers", "workers")):
        if runs := _compared(figures.runs, name):
            parts.append(f"### {title}\n\n{_markdown(table(runs))}")
    for ours, peers in figures.peers:
        parts.append(f"### Others, at {ours.chips:,} chips\n\n{_markdown(peer_table(ours, peers))}\n{_ran(peers)}")
    parts.append(f"### What the terms of the plan say of these runs\n\n{_markdown(checked(figures.runs))}")
    return "\n".join(part.rstrip() + "\n" for part in parts)


def drawn(figures: Figures) -> str:
    """Return the plot of cost against fleet size, a line for each shape and peer; of runs of ours that kept up."""
    lines: dict[str, Points] = {}
    plain = [run for run in figures.runs if _is_plain(run) and run.keeps_up]
    for batch in _shapes(plain):
        lines[_shape(batch)] = [(run.chips, run.cpu_us_per_sample["total"]) for run in _of(plain, batch)]
    for _, peers in figures.peers:
        for one in peers:
            if not one.skipped:
                lines[one.name] = [*lines.get(one.name, ()), (one.chips, one.cpu_us_per_sample["total"])]
    title = "CPU-microseconds a sample, broker, worker and store together"
    return plot(lines, title=title, x="chips, each sampled every second", y="CPU-microseconds a sample")


def checked(runs: Sequence[Result]) -> list[list[str]]:
    """Return for each run that kept up its cores, and those that the plan's terms say, as rows of text."""
    costs, runs = costs_of(runs), [run for run in runs if run.keeps_up]
    rows = [["run", *(f"{role}: measured, by terms" for role in ROLES)]]
    for run in runs:
        said = [f"{run.cores[role]:.3f}, {costs.cores[role].cores(rates_of(run)):.3f}" for role in ROLES]
        name = f"{run.chips:,} chips, {run.samples_per_message:,.0f} a message"
        name += f", {run.workers} workers" if run.workers > 1 else ""
        name += f", {run.producers} connections" if run.producers > 1 else ""
        rows.append([name, *said])
    return rows


def _is_plain(run: Result) -> bool:
    return run.producers == 1 and run.workers == 1 and run.publish_every_s == 1


def _compared(runs: Sequence[Result], name: str) -> list[Result]:
    """Return the runs that have several of that, and the plain one that they are compared with."""
    several = [run for run in runs if getattr(run, name) > 1]
    shapes = {(run.chips, run.batch) for run in several}
    plain = [run for run in runs if _is_plain(run) and (run.chips, run.batch) in shapes]
    return plain[:1] + several


def _shapes(runs: Sequence[Result]) -> list[int]:
    return sorted({run.batch for run in runs})


def _of(runs: Sequence[Result], batch: int) -> list[Result]:
    return sorted((run for run in runs if run.batch == batch), key=lambda run: run.chips)


def _shape(batch: int) -> str:
    names = {HOST: f"Hosts of {HOST}", POD: f"Pods of {POD:,}"}
    return names.get(batch, f"Messages of {batch:,}")


def _where(figures: Figures) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in figures.machine.items())
    with_what = ", ".join(f"{name} {value}" for name, value in figures.versions.items())
    return _wrapped(f"Measured on {figures.date}: {machine}. Versions: {with_what}.")


def _ran(peers: Sequence[PeerResult]) -> str:
    """Say what each peer is, as a list."""
    said = (f"{one.name}: {one.what} ({one.version or 'not run: ' + one.skipped})." for one in peers)
    return "\n".join(_wrapped(line, "- ", "  ") for line in said)


def _wrapped(text: str, first: str = "", others: str = "") -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False
    )


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)

"""`gigawatt dashboards check`."""

import sys
import time
from typing import Final
from urllib.parse import urlsplit

import click
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from dashboards.check import files
from dashboards.check.asked import checked_in
from dashboards.check.complaint import Problem
from dashboards.check.run import GIVEN_UP_AFTER_S, check
from dashboards.names import DATA_SOURCE_USER
from gigawatt import options
from gigawatt.looking import quiet_clients
from gigawatt.status_line import StatusLine
from schema.clickhouse import ClickHouseAwayError, connect
from schema.errors import GigawattError
from schema.terminal import say, say_lines

_LINE_EVERY_S: Final = 10.0
_TIMEOUT_S: Final = GIVEN_UP_AFTER_S + 30


@click.command()
@options.clickhouse
@click.option(
    "--slow-ms",
    type=click.IntRange(1),
    help="Report a query that takes longer as a problem.  [default: only report the slowest]",
)
def command(*, clickhouse: str, slow_ms: int | None) -> None:
    """Check dashboards and rules, and run their queries on ClickHouse.

    Exit status 1 if a check or query fails. The first part needs no ClickHouse. It checks how Grafana would display
    each panel and load each rule: hidden columns, ambiguous names, templates without values, dead links, duplicate
    folders.

    The second part expands each query of a panel, variable, annotation or rule as Grafana does, over several time
    ranges and variable values. Each query must run, return the required columns, and use only published names. It runs
    as the user `grafana` if that user has no password, otherwise as --clickhouse says. This takes minutes; progress is
    shown on standard error.
    """
    quiet_clients()
    asked = checked_in()
    if not asked:
        raise GigawattError("no dashboards found; run `gigawatt dashboards build` first")
    line = StatusLine(sys.stderr, per_second=10, line_every_s=_LINE_EVERY_S)

    def tell(problem: Problem) -> None:
        line.clear()
        say_lines(problem)

    found = list(files.problems())
    for one in found:
        tell(one)
    try:
        with _reader(clickhouse) as client:
            done = check(asked, client, now_ms=int(time.time() * 1000), slow_ms=slow_ms, said=line.show, problem=tell)
    except ClickHouseError as error:
        raise ClickHouseAwayError("ClickHouse stopped answering; start it and run the check again") from error
    finally:
        line.clear()
    found += done.problems
    of = len({(problem.file, problem.what) for problem in found})
    say(
        f"{len(asked)} queries in {len({one.file for one in asked})} files, run {done.statements} times: "
        + (f"{len(found)} problems in {of} places" if of else "no problems")
        + (f"; slowest {done.slowest_ms:,.0f} ms, {done.slowest}" if done.slowest else "")
    )
    if found:
        sys.exit(1)


def _reader(url: str) -> Client:
    """Return a client of the user who may only read, where the URL names nobody and that user is let in."""
    parts = urlsplit(url)
    if parts.hostname and not parts.username:
        try:
            without_a_password = parts._replace(netloc=f"{DATA_SOURCE_USER}:@{parts.netloc}")
            return connect(without_a_password.geturl(), timeout_s=_TIMEOUT_S)
        except ClickHouseAwayError:
            pass  # no such user, or it has a password; if the URL's user cannot log in either, the next call says so
    return connect(url, timeout_s=_TIMEOUT_S)

"""`gigawatt dashboards check`."""

import sys
import time
from urllib.parse import urlsplit

import click
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from dashboards.check.asked import checked_in
from dashboards.check.run import Problem, check
from dashboards.names import DATA_SOURCE_USER
from gigawatt import options
from gigawatt.looking import quiet_clients
from gigawatt.status_line import StatusLine
from schema.clickhouse import ClickHouseAwayError, connect
from schema.errors import GigawattError
from schema.terminal import say, say_lines


@click.command()
@options.clickhouse
@click.option(
    "--slow-ms", default=2000, show_default=True, type=click.IntRange(1), help="A query that takes longer is a problem."
)
def command(*, clickhouse: str, slow_ms: int) -> None:
    """Run every query of the dashboards and rules on a live ClickHouse; exit status 1 when one fails.

    Each query of a panel, variable, annotation or rule is expanded as Grafana does it, over several time ranges and
    choices of variables, as the user `grafana` where there is one without a password, else as the URL says. It must
    run, answer in time with the columns that are needed, and use published names alone.
    """
    quiet_clients()
    asked = checked_in()
    if not asked:
        raise GigawattError("no dashboard is checked in; run `gigawatt dashboards build` first")
    line = StatusLine(sys.stderr, per_second=10)

    def tell(problem: Problem) -> None:
        line.clear()
        say_lines(problem)

    try:
        with _reader(clickhouse) as client:
            done = check(asked, client, now_ms=int(time.time() * 1000), slow_ms=slow_ms, said=line.show, problem=tell)
    except ClickHouseError as error:
        raise ClickHouseAwayError("ClickHouse went away; start it and check again") from error
    finally:
        line.clear()
    of = len({problem.asked for problem in done.problems})
    say(
        f"{len(asked)} queries in {len({one.file for one in asked})} files, run {done.statements} times: "
        + (f"{len(done.problems)} problems in {of} of them" if of else "all well")
        + (f"; slowest {done.slowest_ms:,.0f} ms, {done.slowest}" if done.slowest else "")
    )
    if done.problems:
        sys.exit(1)


def _reader(url: str) -> Client:
    """Return a client of the user who may only read, where the URL names nobody and that user is let in."""
    parts = urlsplit(url)
    if parts.hostname and not parts.username:
        try:
            return connect(parts._replace(netloc=f"{DATA_SOURCE_USER}@{parts.netloc}").geturl(), timeout_s=60)
        except ClickHouseAwayError:
            pass  # there is no such user, or it has a password; if nobody is let in, the next says so
    return connect(url, timeout_s=60)

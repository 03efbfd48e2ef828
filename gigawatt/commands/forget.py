"""`gigawatt forget`."""

import click

from gigawatt import options
from schema.clickhouse import connect
from schema.errors import GigawattError
from schema.forget import forget
from schema.terminal import say


@click.command()
@click.argument("fleet", metavar="SITE/FLEET")
@click.option("--platform", help="Only its chips of this platform.")
@options.clickhouse
def command(*, fleet: str, platform: str | None, clickhouse: str) -> None:
    """Expect a fleet no more that is gone: tried out, replayed or renamed.

    Its chips are expected no more, no rule misses them, and its budget ends. All that was stored stays: energy, power
    and samples. A fleet that reports again is expected again. Take its budget out of the fleet file, too, or the next
    load sets it again.
    """
    site, slash, name = fleet.partition("/")
    if not (site and slash and name):
        raise GigawattError(f"{fleet} names no fleet; write SITE/FLEET")
    for one in forget(connect(clickhouse), site, name, platform):
        budget = " and its budget" if one.budgeted else ""
        say(f"{' / '.join(one.group)}: {one.chips:,} chips{budget} expected no more; what it used is kept")

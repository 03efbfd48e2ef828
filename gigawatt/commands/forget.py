"""`gigawatt forget`."""

import click

from gigawatt import options
from schema.clickhouse import connect
from schema.errors import GigawattError
from schema.forget import forget
from schema.terminal import say


@click.command()
@click.argument("fleet", metavar="SITE/FLEET")
@click.option("--platform", help="Forget only chips of this platform.")
@options.clickhouse
def command(*, fleet: str, platform: str | None, clickhouse: str) -> None:
    """Stop expecting a fleet that no longer exists.

    Use it after a fleet was tested, replayed or renamed. Its chips are no longer expected, no rule reports them as
    missing, and its budget ends. Stored energy, power and samples stay. A fleet that reports again is expected again.
    Also remove its budget from the fleet file; otherwise the next load sets it again.
    """
    site, slash, name = fleet.partition("/")
    if not (site and slash and name):
        raise GigawattError(f"{fleet} is not a fleet; write SITE/FLEET")
    for one in forget(connect(clickhouse), site, name, platform):
        budget = " and its budget" if one.budgeted else ""
        say(f"{' / '.join(one.group)}: {one.chips:,} chips{budget} no longer expected; stored energy and samples stay")

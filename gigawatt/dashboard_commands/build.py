"""`gigawatt dashboards build`."""

import sys
from pathlib import Path

import click

from schema.terminal import say


@click.command()
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to, instead of the one that the dashboards were made from.",
)
@click.option("--dry-run", is_flag=True, help="Only name what would change; exit status 1 when something would.")
def command(*, to: Path | None, dry_run: bool) -> None:
    """Make dashboards and rules for Grafana, and rules for Prometheus, out of dashboards/boards and dashboards/rules.

    Names what changed.
    """
    from dashboards import generate  # noqa: PLC0415  the SDK is loaded only here

    folder = to or generate.FOLDER
    changed = generate.differing(folder) if dry_run else generate.write(folder)
    for path in changed:
        say(path)
    if not changed:
        say("nothing changes" if dry_run else "nothing changed", err=True)
    if changed and dry_run:
        sys.exit(1)

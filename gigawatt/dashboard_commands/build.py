"""`gigawatt dashboards build`."""

import sys
from pathlib import Path

import click

from schema.terminal import say


@click.command()
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory to write to, instead of dashboards/ of this checkout.",
)
@click.option("--dry-run", is_flag=True, help="Only list the files that would change; exit status 1 if there are any.")
def command(*, to: Path | None, dry_run: bool) -> None:
    """Write dashboards and rules for Grafana and Prometheus.

    Generates JSON and YAML from dashboards/boards and dashboards/rules, and lists the files that changed.
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

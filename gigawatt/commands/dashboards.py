"""`gigawatt dashboards COMMAND`."""

import click

from gigawatt import dashboard_commands
from gigawatt.command_folder import CommandFolder


@click.group(cls=CommandFolder, package=dashboard_commands)
def command() -> None:
    """Build, check and publish dashboards and alert rules."""

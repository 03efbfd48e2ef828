"""The command line: finds each command in the file of its name.

`gigawatt up` imports `gigawatt.commands.up` and runs its `command`. Nothing is registered anywhere
else, and a command's libraries are imported only when that command runs.
"""

import importlib
import pkgutil
import sys

import click

from gigawatt import commands
from schema.errors import GigawattError


class CommandFolder(click.Group):
    """A click group whose commands are the modules of `gigawatt.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Name every command file, sorted."""
        return sorted(module.name for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the file of that name and return its `command`; None when there is no such file."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"gigawatt.commands.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"gigawatt/commands/{cmd_name}.py must define a click command named `command`")
        return command


@click.group(cls=CommandFolder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gigawatt")
def gigawatt() -> None:
    """Power and utilization of an AI chip fleet, live and exact to the joule.

    Settings come from flags, then GIGAWATT_* environment variables, then defaults.
    """


_CLIENTS = ("clickhouse_connect", "kafka")
"""Libraries whose errors tell of a server that went away, and nothing that a traceback would explain."""


def main() -> None:
    """Run the command line; an error the operator can act on is one line and exit status 1."""
    try:
        gigawatt(prog_name="gigawatt")
    except GigawattError as error:
        _fail(str(error))
    except Exception as error:
        if type(error).__module__.split(".")[0] not in _CLIENTS:
            raise
        _fail((str(error).splitlines() or [type(error).__name__])[0][:300])


def _fail(line: str) -> None:
    sys.stderr.write(f"gigawatt: {line}\n")
    sys.exit(1)

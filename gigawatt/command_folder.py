"""A click group that finds each command in the file of its name.

`gigawatt up` imports `gigawatt.commands.up` and runs its `command`. Nothing is registered anywhere
else, and a command's libraries are imported only when that command runs.
"""

import importlib
import pkgutil
from types import ModuleType
from typing import Any

import click


class CommandFolder(click.Group):
    """A click group whose commands are the modules of `package`."""

    def __init__(self, *arguments: Any, package: ModuleType, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.package = package

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Name every command file, sorted."""
        return sorted(module.name for module in pkgutil.iter_modules(self.package.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the file of that name and return its `command`; None when there is no such file."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = f"{self.package.__name__}.{cmd_name}"
        command = importlib.import_module(module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.replace('.', '/')}.py must define a click command named `command`")
        return command

"""A group finds its commands by the names of files."""

import click
import pytest

from gigawatt import commands, dashboard_commands
from gigawatt.command_folder import CommandFolder
from tests.gigawatt.running import gigawatt


@pytest.mark.parametrize("package", [commands, dashboard_commands])
def test_every_file_is_a_command(package):
    folder = CommandFolder("group", package=package)
    context = click.Context(folder)

    assert folder.list_commands(context)
    assert all(isinstance(folder.get_command(context, name), click.Command) for name in folder.list_commands(context))
    assert folder.get_command(context, "no-such-command") is None


@pytest.mark.parametrize("name", sorted(CommandFolder("group", package=dashboard_commands).list_commands(None)))
def test_a_command_in_a_group_tells_of_itself(name):
    shown = gigawatt("dashboards", name, "--help")

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(f"Usage: gigawatt dashboards {name}")
    assert shown.stdout.split("\n\n")[1].rstrip().endswith(".")

"""The command line: each command is the file of its name in `gigawatt/commands`."""

import io
import logging
import sys

import click

from gigawatt import commands
from gigawatt.command_folder import CommandFolder
from schema.errors import GigawattError
from schema.harmless import make_libraries_harmless
from schema.plain_output import write_whatever_comes
from schema.printable import printable_lines, safe_line, without_secrets


@click.group(cls=CommandFolder, package=commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gigawatt")
def gigawatt() -> None:
    """Live power and utilization of a fleet of AI chips, exact to the joule.

    Settings come from flags, then GIGAWATT_* environment variables, then defaults.
    """


_CLIENTS = ("clickhouse_connect", "kafka")
"""Libraries whose errors report a server that went away, and nothing that a traceback would explain."""


def main() -> None:
    """Run the command line; an error the operator can act on is one line and exit status 1."""
    for client in (*_CLIENTS, "urllib3"):
        logging.getLogger(client).setLevel(logging.CRITICAL + 1)  # what they log is what the error says
    make_libraries_harmless()
    write_whatever_comes()
    try:
        status = gigawatt(prog_name="gigawatt", standalone_mode=False)
    except click.Abort:
        _fail("interrupted")
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        sys.stderr.write(printable_lines(without_secrets(said.getvalue())))
        sys.exit(error.exit_code)
    except GigawattError as error:
        _fail(str(error))
    except Exception as error:
        if type(error).__module__.split(".")[0] not in _CLIENTS:
            raise
        from schema.clickhouse_errors import in_words  # noqa: PLC0415  it loads what only a failure needs

        _fail(in_words(error) or (str(error).splitlines() or [type(error).__name__])[0][:300])
    else:
        sys.exit(status if isinstance(status, int) else 0)


def _fail(line: str) -> None:
    sys.stderr.write(f"gigawatt: {safe_line(line)}\n")
    sys.exit(1)

"""Lines of a command to whoever runs it: the one place where plain text leaves for standard output or error."""

import click

from schema.printable import printable_lines, without_secrets


def say(text: object, *, err: bool = False) -> None:
    """Write a text, of one line or several, of which a terminal obeys nothing and on standard error no URL tells all.

    What goes to standard output may be copied from there, and keeps the queries of its addresses.
    """
    click.echo(printable_lines(without_secrets(str(text)) if err else text), err=err)  # noqa: TID251  the one place

"""Lines of a command to whoever runs it: the one place where plain text leaves for standard output or error."""

import click

from schema.printable import printable, printable_lines, without_secrets


def say(line: object, *, err: bool = False) -> None:
    """Write one line, of which a terminal obeys nothing. On standard error no URL in it tells all.

    What goes to standard output may be copied from there: its addresses keep their queries, and it is never cut.
    """
    text = without_secrets(str(line)) if err else str(line)
    click.echo(printable(text, most=max(len(text), 1)), err=err)  # noqa: TID251  the one place


def say_lines(text: object) -> None:
    """Write a text of several lines of ours to standard output, such as JSON, each as `say` does."""
    click.echo(printable_lines(text))  # noqa: TID251  the one place
